// First launch of a mini-batch step: the hidden layer.
//
//     hidden[n, j] = max(sum_i scale * features[order[start + n], i] * weight[i, j] + bias[j], 0)
//
// Rows are gathered, cast and scaled while they are loaded, so the batch is never stored.
//
// A block owns FORWARD_TILE x FORWARD_TILE results, of which 64 threads own 4 x 4 each. At 128 rows
// and 1,000 units these are no more blocks than a large card has multiprocessors, so every block
// has four such groups of 64: the inner dimension comes in slabs of FORWARD_TILE inputs, of which
// each group takes a quarter. The groups' sums are added in order at the end.
//
// Slabs lie twice in shared memory: while one is multiplied the next is on its way, and one barrier
// a slab is enough, since nobody writes into the slab that others still read.

#include "layout.cuh"
#include "minibatch.cuh"

template <typename Real, typename In>
__global__ void minibatch_forward(const In* features, const long long* order, long long start,
                                  int rows, Real scale, const Real* weight, const Real* bias,
                                  Real* hidden, int inputs, int units) {
    constexpr int T = FORWARD_TILE;
    constexpr int THREADS = (T / 4) * (T / 4) * FORWARD_GROUPS, LANES = THREADS / T;
    union Shared {
        struct {
            Tile<Real, T, T> left[2], right[2];  // left lies transposed: (input, row)
        } slabs;
        Tile<Real, T, T> sums[FORWARD_GROUPS];
    };
    __shared__ Shared shared;
    const int group = threadIdx.z;
    const int thread = (group * (T / 4) + threadIdx.y) * (T / 4) + threadIdx.x;
    const int row0 = blockIdx.y * T, unit0 = blockIdx.x * T;

    // What a thread loads of a slab: of one row and of one input every LANES-th element, so that
    // neighbouring lanes read neighbouring addresses.
    const int line = thread / LANES, lane = thread % LANES;
    const long long row = row0 + line < rows ? order[start + row0 + line] : -1;
    Real features_ahead[T / LANES], weights_ahead[T / LANES];
    auto load = [&](int input0) {
#pragma unroll
        for (int i = 0; i < T / LANES; ++i) {
            const int column = input0 + lane + LANES * i, unit = unit0 + lane + LANES * i;
            features_ahead[i] =
                row >= 0 && column < inputs ? input(features, row, inputs, column, scale) : Real(0);
            const long long offset = static_cast<long long>(input0 + line) * units + unit;
            weights_ahead[i] = input0 + line < inputs && unit < units ? weight[offset] : Real(0);
        }
    };
    auto store = [&](int slab) {
#pragma unroll
        for (int i = 0; i < T / LANES; ++i) {
            shared.slabs.left[slab].values[lane + LANES * i][line] = features_ahead[i];
            shared.slabs.right[slab].values[line][lane + LANES * i] = weights_ahead[i];
        }
    };

    Real sums[4][4] = {};
    load(0);
    store(0);
    __syncthreads();
    for (int input0 = 0, slab = 0; input0 < inputs; input0 += T, slab ^= 1) {
        const bool more = input0 + T < inputs;
        if (more) load(input0 + T);
#pragma unroll
        for (int i = 0; i < T / FORWARD_GROUPS; ++i) {
            const int k = group * (T / FORWARD_GROUPS) + i;
            add_products(&shared.slabs.left[slab].values[k][4 * threadIdx.y],
                         &shared.slabs.right[slab].values[k][4 * threadIdx.x], sums);
        }
        if (more) store(slab ^ 1);
        __syncthreads();
    }

    // The last barrier of the loop has freed the slabs for the sums.
    store_sums(sums, 4 * threadIdx.y, 4 * threadIdx.x, shared.sums[group]);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < T / LANES; ++i) {
        const int n = line, j = lane + LANES * i, unit = unit0 + j;
        if (row < 0 || unit >= units) continue;
        Real z = shared.sums[0].values[n][j];
#pragma unroll
        for (int g = 1; g < FORWARD_GROUPS; ++g) z += shared.sums[g].values[n][j];
        z += bias[unit];
        // A NaN is not <= 0, so it passes; fmax(NaN, 0) would be 0 and hide divergence.
        hidden[static_cast<long long>(row0 + n) * units + unit] = z <= 0 ? Real(0) : z;
    }
}
