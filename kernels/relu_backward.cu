// Backward pass of the rectifier, with the bias' gradient:
//
//     dz[n, j] = dh[n, j] * (h[n, j] > 0 ? 1 : 0)      written over dh
//     db[j]    = sum_n dz[n, j]
//
// The column sums come from the registers that hold dz, so dh is read once and written once; a
// separate sum would read it again. The mask is multiplied, not selected: inf * 0 is NaN, and a
// gradient that has blown up behind a closed unit stays visible.
//
// Sums have a fixed order, in two launches. An atomicAdd would need one, but would add in whatever
// order blocks finish, and the same training run would give different bits each time.
//   1. relu_backward   a block of 32 x 8 threads masks a tile of 32 rows and 32 * V columns, as in
//                      bias_relu.cu, and writes the tile's column sums to partial (tiles, columns);
//   2. sum_partials    a block of 32 x 32 threads owns 32 columns; thread y sums tiles
//                      y, y + 32, ... in order.
// Both end by adding, in order, what the threads of one column hold: add_rows_of_block.
//
// The order depends on the number of rows alone, neither on the device nor on V, so vector and
// scalar variants give the same bits.

#include "layout.cuh"

// Adds what threads (x, 0), (x, 1), ... of the block hold and gives the sum to thread (x, 0).
// Every thread of the block must call it: it holds a barrier.
template <typename Real, int V, int LANES>
__device__ Pack<Real, V> add_rows_of_block(Pack<Real, V> mine) {
    // values[v] side by side over x: neighbouring lanes use neighbouring banks of shared memory.
    __shared__ Real held[LANES][V][WARP];
#pragma unroll
    for (int v = 0; v < V; ++v) held[threadIdx.y][v][threadIdx.x] = mine.values[v];
    // Row 0 reads what the other rows, which are other warps, have written: all must be done.
    __syncthreads();
    if (threadIdx.y == 0) {
        for (int lane = 1; lane < LANES; ++lane) {
#pragma unroll
            for (int v = 0; v < V; ++v) mine.values[v] += held[lane][v][threadIdx.x];
        }
    }
    // No second barrier: a block calls this once, so nothing overwrites `held`.
    return mine;
}

template <typename Real, int V>
__global__ void relu_backward(Real* dh, const Real* h, Real* partial, long long rows,
                              int columns) {
    const int column = (static_cast<int>(blockIdx.y) * WARP + static_cast<int>(threadIdx.x)) * V;
    const bool inside = column < columns;  // threads outside stay for the barrier
    // 64 bits: rows * columns passes 2^31 at 2.1 million rows of 1,000 columns.
    const long long first_row =
        static_cast<long long>(blockIdx.x) * (ROW_LANES * ROWS_PER_THREAD) + threadIdx.y;

    // All loads come before the first store, so that a thread has eight in flight.
    Pack<Real, V> gradients[ROWS_PER_THREAD] = {};
    Pack<Real, V> outputs[ROWS_PER_THREAD] = {};
#pragma unroll
    for (int i = 0; i < ROWS_PER_THREAD; ++i) {
        const long long row = first_row + i * ROW_LANES;
        if (inside && row < rows) {
            const long long offset = row * columns + column;
            gradients[i] = *reinterpret_cast<const Pack<Real, V>*>(dh + offset);
            outputs[i] = *reinterpret_cast<const Pack<Real, V>*>(h + offset);
        }
    }

    Pack<Real, V> sum = {};
#pragma unroll
    for (int i = 0; i < ROWS_PER_THREAD; ++i) {
        const long long row = first_row + i * ROW_LANES;
        if (inside && row < rows) {
#pragma unroll
            for (int v = 0; v < V; ++v) {
                gradients[i].values[v] *= static_cast<Real>(outputs[i].values[v] > 0);
                sum.values[v] += gradients[i].values[v];
            }
            *reinterpret_cast<Pack<Real, V>*>(dh + row * columns + column) = gradients[i];
        }
    }

    sum = add_rows_of_block<Real, V, ROW_LANES>(sum);
    if (inside && threadIdx.y == 0) {
        const long long offset = static_cast<long long>(blockIdx.x) * columns + column;
        *reinterpret_cast<Pack<Real, V>*>(partial + offset) = sum;
    }
}

template <typename Real>
__global__ void sum_partials(const Real* partial, Real* db, long long tiles, int columns) {
    const int column = static_cast<int>(blockIdx.x) * WARP + static_cast<int>(threadIdx.x);
    Pack<Real, 1> sum = {};
    if (column < columns) {
        for (long long tile = threadIdx.y; tile < tiles; tile += TILE_LANES) {
            sum.values[0] += partial[tile * columns + column];
        }
    }
    sum = add_rows_of_block<Real, 1, TILE_LANES>(sum);
    if (column < columns && threadIdx.y == 0) db[column] = sum.values[0];
}
