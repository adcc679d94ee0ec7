// Last launch of a mini-batch step: the hidden layer's gradient, used up as soon as it is known.
//
//     gradient[i, j]   = sum_n scale * features[order[start + n], i] * dz[n, j]      of weight
//     gradient_bias[j] = sum_n dz[n, j]
//
// and the momentum update of both: no gradient is ever stored. A bias is the weight of an input
// that is always 1: the input after the last one. It is not decayed.
//
// A block owns UPDATE_INPUTS x UPDATE_UNITS weights, of which a thread sums 4 x 4. Rows come in
// slabs of UPDATE_ROWS, which lie twice in shared memory as in minibatch_forward.cu. The sums then
// pass through shared memory, so that neighbouring lanes update neighbouring weights.

#include "layout.cuh"
#include "minibatch.cuh"
#include "momentum.cuh"

template <typename Real, typename In>
__global__ void minibatch_update(const In* features, const long long* order, long long start,
                                 int rows, Real scale, const Real* dz, Real* weight, Real* velocity,
                                 Real* bias, Real* bias_velocity, int inputs, int units,
                                 Real momentum, Real step_scale, Real decay, int nesterov) {
    constexpr int I = UPDATE_INPUTS, J = UPDATE_UNITS, N = UPDATE_ROWS;
    constexpr int THREADS = (I / 4) * (J / 4), LANES = THREADS / N;
    union Shared {
        struct {
            Tile<Real, N, I> left[2];
            Tile<Real, N, J> right[2];
        } slabs;
        Tile<Real, I, J> sums;
    };
    __shared__ Shared shared;
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    const int tiles_across = (units + J - 1) / J;
    const int input0 = blockIdx.x / tiles_across * I, unit0 = blockIdx.x % tiles_across * J;

    // What a thread loads of a slab: of one row every LANES-th element.
    const int line = thread / LANES, lane = thread % LANES;
    Real inputs_ahead[I / LANES], gradients_ahead[J / LANES];
    auto load = [&](int row0) {
        const int n = row0 + line;
        const long long row = n < rows ? order[start + n] : -1;
#pragma unroll
        for (int i = 0; i < I / LANES; ++i) {
            const int column = input0 + lane + LANES * i;
            inputs_ahead[i] = Real(0);
            if (row >= 0 && column < inputs) {
                inputs_ahead[i] = input(features, row, inputs, column, scale);
            } else if (row >= 0 && column == inputs) {
                inputs_ahead[i] = Real(1);
            }
        }
#pragma unroll
        for (int j = 0; j < J / LANES; ++j) {
            const int unit = unit0 + lane + LANES * j;
            const long long offset = static_cast<long long>(n) * units + unit;
            gradients_ahead[j] = row >= 0 && unit < units ? dz[offset] : Real(0);
        }
    };
    auto store = [&](int slab) {
#pragma unroll
        for (int i = 0; i < I / LANES; ++i) {
            shared.slabs.left[slab].values[line][lane + LANES * i] = inputs_ahead[i];
        }
#pragma unroll
        for (int j = 0; j < J / LANES; ++j) {
            shared.slabs.right[slab].values[line][lane + LANES * j] = gradients_ahead[j];
        }
    };

    Real sums[4][4] = {};
    load(0);
    store(0);
    __syncthreads();
    for (int row0 = 0, slab = 0; row0 < rows; row0 += N, slab ^= 1) {
        const bool more = row0 + N < rows;
        if (more) load(row0 + N);
#pragma unroll
        for (int n = 0; n < N; ++n) {
            add_products(&shared.slabs.left[slab].values[n][4 * threadIdx.y],
                         &shared.slabs.right[slab].values[n][4 * threadIdx.x], sums);
        }
        if (more) store(slab ^ 1);
        __syncthreads();
    }

    // The last barrier of the loop has freed the slabs for the sums.
    store_sums(sums, 4 * threadIdx.y, 4 * threadIdx.x, shared.sums);
    __syncthreads();
#pragma unroll 4
    for (int element = thread; element < I * J; element += THREADS) {
        const int column = input0 + element / J, unit = unit0 + element % J;
        if (unit >= units || column > inputs) continue;
        const Real sum = shared.sums.values[element / J][element % J];
        if (column < inputs) {
            const long long place = static_cast<long long>(column) * units + unit;
            advance(weight + place, velocity + place, sum,
                    Rule<Real>{momentum, step_scale, decay, nesterov});
        } else {
            advance(bias + unit, bias_velocity + unit, sum,
                    Rule<Real>{momentum, step_scale, 0, nesterov});
        }
    }
}
