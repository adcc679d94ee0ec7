// How threads lie over arrays: the width of a load, and the geometry of every launch.

// V neighbouring values that move as one access of V * sizeof(Real) bytes, at most 16. The address
// must be a multiple of that size, which the launching code checks.
template <typename Real, int V>
struct alignas(V * sizeof(Real)) Pack {
    Real values[V];
};

// sources.py reads these for the launching code: they stand nowhere else. An enumeration, because
// a source that does not use one of them is not worth a compiler's warning.
enum Layout {
    WARP = 32,
    // The tile of bias_relu and relu_backward: WARP * V columns, and ROW_LANES threads above one
    // another, each with every ROW_LANES-th of the tile's rows.
    ROW_LANES = 8,
    ROWS_PER_THREAD = 4,
    // Threads above one another that sum the tiles of relu_backward.
    TILE_LANES = 32,
    // Cross-entropy: a thread owns a row of so many classes at most, a warp a longer one. With 64
    // rows a block 10,000 rows make 157 blocks, which spread better than 79 of 128.
    MOST_CLASSES_PER_THREAD = 32,
    ROWS_PER_BLOCK = 64,
    WARPS_PER_BLOCK = 4,
    // The update: a thread owns an element.
    ELEMENTS_PER_BLOCK = 256,
    // The mini-batch step. Forward: a block owns a square of results, its groups of threads a share
    // of the inner dimension each.
    FORWARD_TILE = 32,
    FORWARD_GROUPS = 4,
    // Loss: threads of a block at most, which owns a row, and so many for each class at most.
    LOSS_THREADS = 256,
    LOSS_GROUPS = 32,
    // Backward: a block owns so few units that 1,000 of them make 126 blocks.
    BACKWARD_UNITS = 8,
    // Update: a block owns so many weights, and loads so many rows at a time.
    UPDATE_INPUTS = 32,
    UPDATE_UNITS = 64,
    UPDATE_ROWS = 16
};
