// Third launch of a mini-batch step: back through the last layer and the rectifier, and the update
// of the last layer.
//
//     dz[n, j]         = (sum_k dlogits[n, k] * weight[j, k]) * (hidden[n, j] > 0)   over hidden
//     gradient[j, k]   = sum_n hidden[n, j] * dlogits[n, k]                          of weight
//     gradient_bias[k] = sum_n dlogits[n, k]
//
// A bias is the weight of a unit whose output is always 1: the unit after the last one, which has
// no dz. It is not decayed.
//
// A block owns BACKWARD_UNITS units, and no other block reads the weights that it changes. Rows
// come in chunks of WARP. Of a chunk a thread owns one row to find dz, and one class to add the
// row's terms of the gradient, in the order of the rows; nothing needs to be added across threads.

#include "layout.cuh"
#include "momentum.cuh"

template <typename Real>
__global__ void minibatch_backward(Real* hidden, const Real* dlogits, int rows, int units,
                                   int classes, Real* weight, Real* velocity, Real* bias,
                                   Real* bias_velocity, Real momentum, Real scale, Real decay,
                                   int nesterov) {
    __shared__ Real outputs[WARP][BACKWARD_UNITS];
    __shared__ Real weights[WARP][BACKWARD_UNITS];
    __shared__ Real gradients[WARP][WARP + 1];  // one more: a column's elements in different banks
    const int x = threadIdx.x, y = threadIdx.y;
    const int unit = blockIdx.x * BACKWARD_UNITS + x;
    // 64 bits: units * classes may pass 2^31, and so may rows * units.
    const long long place = static_cast<long long>(unit) * classes + y;
    const bool owns_weight = unit < units && y < classes;
    // The copy is read until the end: what the update writes is not.
    weights[y][x] = owns_weight ? weight[place] : Real(0);

    Real sum = 0;
    for (int row0 = 0; row0 < rows; row0 += WARP) {
        const int row = row0 + y;
        const long long offset = static_cast<long long>(row) * units + unit;
        Real output = 0;
        if (row < rows && unit <= units) output = unit < units ? hidden[offset] : Real(1);
        outputs[y][x] = output;
        for (int k = x; k < classes; k += BACKWARD_UNITS) {
            gradients[y][k] =
                row < rows ? dlogits[static_cast<long long>(row) * classes + k] : Real(0);
        }
        __syncthreads();
        if (row < rows && unit < units) {
            Real dh = 0;
            for (int k = 0; k < classes; ++k) dh = fma(gradients[y][k], weights[k][x], dh);
            // Multiplied, not selected: inf * 0 is NaN, and what has blown up stays visible.
            hidden[offset] = dh * static_cast<Real>(output > 0);
        }
        if (y < classes) {
#pragma unroll 8
            for (int n = 0; n < WARP; ++n) sum = fma(outputs[n][x], gradients[n][y], sum);
        }
        __syncthreads();  // before the next chunk overwrites what others still read
    }
    if (owns_weight) {
        advance(weight + place, velocity + place, sum,
                Rule<Real>{momentum, scale, decay, nesterov});
    } else if (unit == units && y < classes) {
        advance(bias + y, bias_velocity + y, sum, Rule<Real>{momentum, scale, 0, nesterov});
    }
}
