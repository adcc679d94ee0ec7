// One step of gradient descent with momentum over one parameter array, in place and in one pass;
// the rule stands in momentum.cuh.
//
// A thread owns an element: neighbouring threads touch neighbouring addresses, and three loads and
// two stores an element are all the traffic there is. Single values are loaded, not packs: an
// array may be a view that starts anywhere, and a warp's 128 bytes are one full line already.
// Threads never share data, so there is no barrier.

#include "momentum.cuh"

template <typename Real>
__global__ void momentum_update(Real* parameter, Real* velocity, const Real* gradient_sum,
                                Real momentum, Real scale, Real decay, int nesterov,
                                long long size) {
    // 64 bits: the product of block and thread counts may pass 2^31.
    const long long index = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (index >= size) return;
    advance(parameter + index, velocity + index, gradient_sum[index],
            Rule<Real>{momentum, scale, decay, nesterov});
}
