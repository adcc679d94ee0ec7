// Exponential and logarithm from additions, products, divisions and fused multiply-adds alone,
// which IEEE 754 rounds alike everywhere. CUDA's own exp and log are right to an ulp or two but
// their last bits are NVIDIA's; with these a CPU computes the very bits that every card must.
//
// Both are within 2 ulp. Coefficients are those of the Taylor series: no table, no magic constant.
// The first term left out is below a tenth of what rounding to the format does.

template <typename Real>
struct Format;

template <>
struct Format<float> {
    using Bits = int;
    static constexpr int FRACTION_BITS = 23, BIAS = 127;
    // exp overflows above the first, and is less than half the smallest denormal below the second.
    static constexpr float MOST = 89, LEAST = -104;
    static constexpr int EXP_DEGREE = 7, LOG_TERMS = 4;
    static constexpr float LN2 = 0.693147180559945309f, LN2_REST = -1.90465429995776804e-09f;
};

template <>
struct Format<double> {
    using Bits = long long;
    static constexpr int FRACTION_BITS = 52, BIAS = 1023;
    static constexpr double MOST = 710, LEAST = -746;
    static constexpr int EXP_DEGREE = 13, LOG_TERMS = 10;
    static constexpr double LN2 = 0.693147180559945309, LN2_REST = 2.31904681384629956e-17;
};

__device__ inline int bits_of(float value) { return __float_as_int(value); }
__device__ inline long long bits_of(double value) { return __double_as_longlong(value); }
__device__ inline float from_bits(int bits) { return __int_as_float(bits); }
__device__ inline double from_bits(long long bits) { return __longlong_as_double(bits); }

// 2^exponent, of a normal number.
template <typename Real>
__device__ Real power_of_two(int exponent) {
    using F = Format<Real>;
    return from_bits(static_cast<typename F::Bits>(exponent + F::BIAS) << F::FRACTION_BITS);
}

template <typename Real>
__device__ Real infinity() {
    return power_of_two<Real>(Format<Real>::BIAS + 1);
}

template <typename Real>
__device__ constexpr Real inverse_factorial(int k) {
    Real product = 1;  // exact: 13! has 33 bits, of which the last ten are zeros
    for (int factor = 2; factor <= k; ++factor) product *= factor;
    return 1 / product;
}

// The terms r^K / K!, ..., r, 1 below what `series` holds already, by Horner's rule.
template <typename Real, int K>
__device__ Real exponential_series(Real r, Real series) {
    constexpr Real coefficient = inverse_factorial<Real>(K);  // found by the compiler
    series = fma(series, r, coefficient);
    if constexpr (K > 0) series = exponential_series<Real, K - 1>(r, series);
    return series;
}

// exp(x) = 2^n exp(r), where x = n log(2) + r and |r| <= log(2) / 2. NaN stays NaN.
template <typename Real>
__device__ Real exponential(Real x) {
    using F = Format<Real>;
    if (x < F::LEAST) return 0;
    if (!(x <= F::MOST)) return x > F::MOST ? infinity<Real>() : x;
    const Real n = rint(x * (1 / F::LN2));
    // log(2) in two pieces: the product with the first is not rounded on its own.
    const Real r = fma(-n, F::LN2_REST, fma(-n, F::LN2, x));
    const Real series = exponential_series<Real, F::EXP_DEGREE>(r, 0);
    // In two halves: 2^n may lie outside the normal numbers where the result does not.
    const int exponent = static_cast<int>(n), half = exponent / 2;
    return series * power_of_two<Real>(half) * power_of_two<Real>(exponent - half);
}

// log(x) = e log(2) + log(1 + f), where x = 2^e (1 + f) and 1 + f lies about 1. With
// s = f / (2 + f)
//     log(1 + f) = 2 (s + s^3 / 3 + s^5 / 5 + ...) = f - s (f - 2 (s^2 / 3 + s^4 / 5 + ...)),
// of which the second form keeps f, which is exact, apart from what is rounded.
template <typename Real>
__device__ Real logarithm(Real x) {
    using F = Format<Real>;
    if (!(x > 0) || x == infinity<Real>()) {
        if (x == 0) return -infinity<Real>();
        return x < 0 ? static_cast<Real>(nan("")) : x;
    }
    int e = 0;
    if (x < power_of_two<Real>(1 - F::BIAS)) {  // denormal: its exponent's bits are zeros
        x *= power_of_two<Real>(F::FRACTION_BITS + 1);
        e = -(F::FRACTION_BITS + 1);
    }
    using Bits = typename F::Bits;
    const Bits one = static_cast<Bits>(F::BIAS) << F::FRACTION_BITS;
    const Bits bits = bits_of(x);
    e += static_cast<int>(bits >> F::FRACTION_BITS) - F::BIAS;
    Real fraction = from_bits((bits & ((static_cast<Bits>(1) << F::FRACTION_BITS) - 1)) | one);
    if (fraction > static_cast<Real>(1.41421356)) {  // the bound need not be exact
        fraction *= static_cast<Real>(0.5);
        e += 1;
    }
    const Real f = fraction - 1, s = f / (2 + f), square = s * s;
    Real series = 0;
#pragma unroll
    for (int k = F::LOG_TERMS; k >= 1; --k) {
        series = fma(series, square, static_cast<Real>(2) / (2 * k + 1));
    }
    const Real rest = f - s * fma(-series, square, f);
    return fma(static_cast<Real>(e), F::LN2, fma(static_cast<Real>(e), F::LN2_REST, rest));
}
