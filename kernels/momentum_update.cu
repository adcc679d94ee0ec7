// One step of gradient descent with momentum over one parameter array, in place and in one pass:
//
//     g         = scale * gradient_sum + decay * parameter
//     velocity  = momentum * velocity + g
//     parameter = parameter - velocity
//     parameter = parameter - (momentum * velocity + g)     with nesterov
//
// where scale = learning_rate * gradient_scale and decay = learning_rate * l2.
//
// A thread owns an element: neighbouring threads touch neighbouring addresses, and three loads and
// two stores an element are all the traffic there is. Single values are loaded, not packs: an
// array may be a view that starts anywhere, and a warp's 128 bytes are one full line already.
// Threads never share data, so there is no barrier.

template <typename Real>
__global__ void momentum_update(Real* parameter, Real* velocity, const Real* gradient_sum,
                                Real momentum, Real scale, Real decay, int nesterov,
                                long long size) {
    // 64 bits: the product of block and thread counts may pass 2^31.
    const long long index = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (index >= size) return;
    // The operations follow kernels.reference one by one, so that only a fused multiply-add, which
    // rounds once instead of twice, can make a difference.
    const Real old_parameter = parameter[index];
    Real gradient = scale * gradient_sum[index];
    // Tested, because 0 * inf would turn a parameter that has overflowed into NaN. The test and
    // the one below come out the same in every thread, so no warp diverges.
    if (decay != 0) gradient += decay * old_parameter;
    const Real new_velocity = momentum * velocity[index] + gradient;
    const Real step = nesterov ? momentum * new_velocity + gradient : new_velocity;
    velocity[index] = new_velocity;
    parameter[index] = old_parameter - step;
}
