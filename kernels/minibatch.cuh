// What the kernels of a mini-batch step share: the input, and the inner loop of a product.
//
// Products add in a fixed order, one fused multiply-add a term, whatever the card. A thread owns
// 4 x 4 of a product's results: for every inner index it loads 4 + 4 values from shared memory and
// adds 16 terms.

// A tile of shared memory. Four columns more than are used keep a column's elements in different
// banks, and every row at a multiple of 16 bytes.
template <typename Real, int ROWS, int COLUMNS>
struct alignas(16) Tile {
    Real values[ROWS][COLUMNS + 4];
};

// One feature as the network's input.
template <typename Real, typename In>
__device__ Real input(const In* features, long long row, int inputs, int column, Real scale) {
    // 64 bits: a training set may have more than 2^31 features.
    return static_cast<Real>(features[row * inputs + column]) * scale;
}

// Four neighbouring values, 16 bytes a load.
template <typename Real>
__device__ void load_four(const Real* from, Real (&to)[4]) {
    constexpr int V = 16 / sizeof(Real);
#pragma unroll
    for (int i = 0; i < 4; i += V) {
        const auto pack = *reinterpret_cast<const Pack<Real, V>*>(from + i);
#pragma unroll
        for (int v = 0; v < V; ++v) to[i + v] = pack.values[v];
    }
}

// sums[i][j] += left[i] * right[j]
template <typename Real>
__device__ void add_products(const Real* left, const Real* right, Real (&sums)[4][4]) {
    Real a[4], b[4];
    load_four(left, a);
    load_four(right, b);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] = fma(a[i], b[j], sums[i][j]);
    }
}

template <typename Real, int ROWS, int COLUMNS>
__device__ void store_sums(const Real (&sums)[4][4], int row, int column,
                           Tile<Real, ROWS, COLUMNS>& tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) tile.values[row + i][column + j] = sums[i][j];
    }
}
