// Softmax cross-entropy of every row: loss, gradient and correctness, in one launch.
//
//     losses[n]     = log(sum_k exp(z[n,k])) - z[n, label]
//     dlogits[n, k] = exp(z[n,k]) / sum_j exp(z[n,j]) - (k == label)
//     correct[n]    = (first k with the largest z[n,k]) == label
//
// The row's maximum is subtracted first: softmax does not change, and exp cannot overflow.
//
// How threads map to data
//   few classes (K <= 32)   softmax_cross_entropy_row: a thread owns a row. K is known at compile
//                           time, so the row lives in registers and every loop unrolls.
//   more classes            softmax_cross_entropy_warp: a warp owns a row, lane l its columns
//                           l, l + 32, ...; neighbouring lanes read neighbouring addresses.
//
// Undefined rows. The sum of exponentials is NaN exactly where softmax is undefined: a NaN logit,
// a +inf (inf - inf), or only -inf (the same). A label that is no class makes the sum NaN by hand.
// Everything after divides by the sum or takes its logarithm, so one NaN marks the whole row.
//
// exp and log are the project's own, to the last bit the same on every card. The kernel waits for
// memory, not for arithmetic.

#include "layout.cuh"
#include "elementary.cuh"
#include "labels.cuh"

// In 64 bits: 215 million rows of 10 classes pass the range of a 32-bit offset.
__device__ inline long long global_thread() {
    return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}

template <typename Real, typename Label, int K, int V>
__global__ void softmax_cross_entropy_row(const Real* logits, const Label* labels, Real* losses,
                                          Real* dlogits, int* correct, long long rows) {
    const long long row = global_thread();
    if (row >= rows) return;
    const long long offset = row * K;

    // No run-time index touches z: it would move the row from registers to local memory.
    Real z[K];
#pragma unroll
    for (int k = 0; k < K; k += V) {
        const auto pack = *reinterpret_cast<const Pack<Real, V>*>(logits + offset + k);
#pragma unroll
        for (int v = 0; v < V; ++v) z[k + v] = pack.values[v];
    }

    // Strictly larger: of equal logits the first one is the prediction.
    Real largest = z[0];
    int predicted = 0;
#pragma unroll
    for (int k = 1; k < K; ++k) {
        if (z[k] > largest) {
            largest = z[k];
            predicted = k;
        }
    }

    const int target = class_or_none(labels[row], K);
    Real picked = 0, total = 0;
#pragma unroll
    for (int k = 0; k < K; ++k) {
        const Real shifted = z[k] - largest;
        if (k == target) picked = shifted;
        z[k] = exponential(shifted);
        total += z[k];
    }
    if (target < 0) total = static_cast<Real>(nan(""));

    losses[row] = logarithm(total) - picked;
    correct[row] = predicted == target && total == total;  // NaN is not equal to itself
#pragma unroll
    for (int k = 0; k < K; k += V) {
        Pack<Real, V> pack;
#pragma unroll
        for (int v = 0; v < V; ++v) {
            pack.values[v] = z[k + v] / total - static_cast<Real>(k + v == target);
        }
        *reinterpret_cast<Pack<Real, V>*>(dlogits + offset + k) = pack;
    }
}

template <typename Real, typename Label>
__global__ void softmax_cross_entropy_warp(const Real* logits, const Label* labels, Real* losses,
                                           Real* dlogits, int* correct, int classes,
                                           long long rows) {
    const long long row = global_thread() / WARP;
    const int lane = threadIdx.x % WARP;
    if (row >= rows) return;  // a whole warp together, so every shuffle finds its 32 lanes
    const Real* z = logits + row * classes;

    // Online maximum and sum: `total` is the sum of exp(z - largest) over what the lane has seen,
    // rescaled whenever a larger logit appears, so the row is read once here.
    const Real minus_infinity = -infinity<Real>();
    Real largest = minus_infinity, total = 0;
    int predicted = 0;
    for (int k = lane; k < classes; k += WARP) {
        const Real value = z[k];
        if (value > largest) {
            total = total * exponential(largest - value) + 1;
            largest = value;
            predicted = k;
        } else if (value != minus_infinity) {  // -inf adds nothing, and -inf - -inf is NaN
            total += exponential(value - largest);
        }
    }

    // Each shuffle is a rendezvous of the whole warp: a lane must not read a partner's maximum
    // before the partner has it. The butterfly leaves the same result in every lane.
    const unsigned every_lane = 0xffffffffu;
    Real row_largest = largest;
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const Real other = __shfl_xor_sync(every_lane, row_largest, distance);
        const int other_predicted = __shfl_xor_sync(every_lane, predicted, distance);
        // Lanes interleave columns, so a tie is decided by the column, not by the lane.
        if (other > row_largest || (other == row_largest && other_predicted < predicted)) {
            row_largest = other;
            predicted = other_predicted;
        }
    }
    total *= exponential(largest - row_largest);  // NaN where the row's maximum is infinite
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        total += __shfl_xor_sync(every_lane, total, distance);
    }

    const int target = class_or_none(labels[row], classes);
    if (target < 0) total = static_cast<Real>(nan(""));
    if (lane == 0) {
        const Real picked = target < 0 ? 0 : z[target] - row_largest;
        losses[row] = logarithm(total) - picked;
        correct[row] = predicted == target && total == total;
    }
    // The logits come from the cache this time; only the gradient goes to memory.
    Real* gradient = dlogits + row * classes;
    for (int k = lane; k < classes; k += WARP) {
        gradient[k] = exponential(z[k] - row_largest) / total - static_cast<Real>(k == target);
    }
}
