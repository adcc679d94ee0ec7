// Second launch of a mini-batch step: logits, and the cross-entropy of every row with its gradient.
//
//     logits[n, k]  = sum_j hidden[n, j] * weight[j, k] + bias[k]
//     dlogits[n, k] = softmax(logits[n])[k] - (k == label)
//
// Losses and correct predictions go to the row's place in the epoch, to be summed once an epoch.
// The rules of undefined rows are those of softmax_cross_entropy.cu, and so is the order of every
// sum over classes.
//
// A block owns a row. A thread owns a class and every GROUPS-th unit, where GROUPS = threads /
// classes: as the block reads the weights in the order in which they lie in memory, no lane idles
// whatever the number of classes. The groups' sums are added in order.

#include "layout.cuh"
#include "elementary.cuh"
#include "labels.cuh"

template <typename Real, typename Label>
__global__ void minibatch_loss(const Real* hidden, const Real* weight, const Real* bias,
                               const Label* labels, const long long* order, long long start,
                               Real* dlogits, Real* losses, int* correct, int units, int classes) {
    __shared__ Real sums[LOSS_THREADS];
    __shared__ Real logits[WARP], exponentials[WARP];
    const int thread = threadIdx.x, groups = blockDim.x / classes;
    const int k = thread % classes;
    // 64 bits: rows * units may pass 2^31, and so may units * classes.
    const Real* row = hidden + static_cast<long long>(blockIdx.x) * units;
    Real sum = 0;
#pragma unroll 8
    for (int j = thread / classes; j < units; j += groups) {
        sum = fma(row[j], weight[static_cast<long long>(j) * classes + k], sum);
    }
    sums[thread] = sum;
    __syncthreads();
    if (thread < classes) {
        for (int group = 1; group < groups; ++group) sum += sums[group * classes + k];
        logits[k] = sum + bias[k];
    }
    __syncthreads();

    // Every thread of a class finds the row's maximum and, below, its sum: all of them read the
    // same address at a time. Strictly larger: of equal logits the first one is the prediction.
    Real largest = logits[0];
    int predicted = 0;
    for (int other = 1; other < classes; ++other) {
        if (logits[other] > largest) {
            largest = logits[other];
            predicted = other;
        }
    }
    if (thread < classes) exponentials[k] = exponential(logits[k] - largest);
    __syncthreads();
    if (thread >= classes) return;
    Real total = 0;
    for (int other = 0; other < classes; ++other) total += exponentials[other];
    const int target = class_or_none(labels[order[start + blockIdx.x]], classes);
    if (target < 0) total = static_cast<Real>(nan(""));
    dlogits[static_cast<long long>(blockIdx.x) * classes + k] =
        exponentials[k] / total - static_cast<Real>(k == target);
    if (thread > 0) return;
    const Real picked = target < 0 ? 0 : logits[target] - largest;
    losses[start + blockIdx.x] = logarithm(total) - picked;
    correct[start + blockIdx.x] = predicted == target && total == total;
}
