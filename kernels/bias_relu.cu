// Bias and rectifier in place: z = max(z + bias, 0), with NaN kept.
//
// The operation only moves bytes: one read and one write of z. So the layout serves the memory:
//   - a block is 32 x 8 threads; x runs over columns, y over rows. Each thread owns V neighbouring
//     columns, so a warp reads up to 512 bytes of one row in one piece, and keeps its V biases in
//     registers for all its rows;
//   - each thread owns ROWS_PER_THREAD rows and loads them all before it stores the first. In
//     place, the compiler may not move a load above a store by itself (it cannot see that the
//     rows differ), and with one load in flight at a time a warp would mostly wait;
//   - blockIdx.x counts tiles of rows, which may be many (up to 2^31), blockIdx.y tiles of columns.
// Threads never share data, so there is no barrier.

#include "layout.cuh"

template <typename Real, int V>
__global__ void bias_relu(Real* z, const Real* bias, long long rows, int columns) {
    const int column = (static_cast<int>(blockIdx.y) * WARP + static_cast<int>(threadIdx.x)) * V;
    // V divides `columns`, so a pack lies in its row entirely or not at all.
    if (column >= columns) return;
    const auto added = *reinterpret_cast<const Pack<Real, V>*>(bias + column);
    // 64 bits: rows * columns passes 2^31 at 2.1 million rows of 1,000 columns.
    const long long first_row =
        static_cast<long long>(blockIdx.x) * (ROW_LANES * ROWS_PER_THREAD) + threadIdx.y;

    Pack<Real, V> packs[ROWS_PER_THREAD];
#pragma unroll
    for (int i = 0; i < ROWS_PER_THREAD; ++i) {
        const long long row = first_row + i * ROW_LANES;
        if (row < rows) {
            packs[i] = *reinterpret_cast<const Pack<Real, V>*>(z + row * columns + column);
        }
    }
#pragma unroll
    for (int i = 0; i < ROWS_PER_THREAD; ++i) {
        const long long row = first_row + i * ROW_LANES;
        if (row < rows) {
#pragma unroll
            for (int v = 0; v < V; ++v) {
                const Real sum = packs[i].values[v] + added.values[v];
                // A NaN is not <= 0, so it passes; fmax(NaN, 0) would be 0 and hide divergence.
                packs[i].values[v] = sum <= 0 ? Real(0) : sum;
            }
            *reinterpret_cast<Pack<Real, V>*>(z + row * columns + column) = packs[i];
        }
    }
}
