// One step of gradient descent with momentum of one element:
//
//     g         = scale * gradient_sum + decay * parameter
//     velocity  = momentum * velocity + g
//     parameter = parameter - velocity
//     parameter = parameter - (momentum * velocity + g)     with nesterov
//
// where scale = learning_rate * gradient_scale and decay = learning_rate * l2. The operations are
// those of kernels.reference one by one, so the bits are the same.
template <typename Real>
struct Rule {
    Real momentum, scale, decay;
    int nesterov;
};

template <typename Real>
__device__ void advance(Real* parameter, Real* velocity, Real gradient_sum, Rule<Real> rule) {
    const Real old_parameter = *parameter;
    Real gradient = rule.scale * gradient_sum;
    // Tested, because 0 * inf would turn a parameter that has overflowed into NaN. The test and
    // the one below come out the same in every thread, so no warp diverges.
    if (rule.decay != 0) gradient += rule.decay * old_parameter;
    const Real new_velocity = rule.momentum * *velocity + gradient;
    const Real step = rule.nesterov ? rule.momentum * new_velocity + gradient : new_velocity;
    *velocity = new_velocity;
    *parameter = old_parameter - step;
}
