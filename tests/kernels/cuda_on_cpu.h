// CUDA C++ on a CPU: blocks, threads, barriers, shuffles and shared memory with their CUDA meaning.
//
// A kernel's source is compiled unchanged as C++17 behind this header. One block runs at a time,
// so `__shared__` is `static`. Its threads run one after another, in ascending or descending
// order: a missing barrier shows itself in at least one of the two, because there some readers run
// before their writers. An access outside the arrays meets a page without permission
// (cuda_on_cpu.py lays them out), a misaligned or overflowing one a trap of -fsanitize; the signal
// handler reports both.
#pragma once

#include <math.h>
#include <signal.h>

#include <type_traits>
#include <utility>

#include "fibers.h"

#define __global__
#define __device__
#define __shared__ static

namespace cuda_on_cpu {

struct Launch {
    unsigned grid[3], block[3];
    unsigned long long first_block, block_count;  // in linear order: a part of the grid can run
    int descending;
    int flush_denormals;
    void** arguments;
};

static void on_signal(int number, siginfo_t* info, void*) {
    const bool access = number == SIGSEGV || number == SIGBUS;
    report->address = access ? reinterpret_cast<unsigned long long>(info->si_addr) : 0;
    fail("%s in block (%u, %u, %u), thread (%u, %u, %u)",
         access ? "out-of-range access" : "misaligned access, overflow or index out of bounds",
         blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
}

static void check_geometry(const Launch& launch) {
    const unsigned* grid = launch.grid;
    const unsigned* block = launch.block;
    const unsigned long long size = 1ull * block[0] * block[1] * block[2];
    if (size == 0 || size > kMostThreads || block[2] > 64) fail("a block cannot have that size");
    if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0) fail("a grid cannot be empty");
    if (grid[0] > 0x7fffffffu || grid[1] > 65535 || grid[2] > 65535) fail("the grid is too large");
}

// CuPy compiles with -ftz=true: single precision takes denormals for zeros of their sign, and
// returns such zeros for them. Double precision keeps them. Other processors than x86 have no switch
// for the two apart, and results of a kernel that mixes both precisions could differ there.
static void flush_denormals(bool on) {
#ifdef __SSE2__
    const unsigned others = __builtin_ia32_stmxcsr() & ~0x8040u;
    __builtin_ia32_ldmxcsr(on ? others | 0x8040 : others);
#endif
}

static int run(void (*entry)(void**), const Launch& launch, Report* out) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    struct sigaction before[5], handler = {};
    handler.sa_sigaction = on_signal;
    handler.sa_flags = SA_SIGINFO;
    report = out;
    *out = {};
    kernel = entry;
    arguments = launch.arguments;
    for (int i = 0; i < 5; ++i) sigaction(signals[i], &handler, &before[i]);
    flush_denormals(launch.flush_denormals != 0);
    const bool failed = sigsetjmp(launch_exit, 1) != 0;
    if (!failed) {
        check_geometry(launch);
        gridDim = {launch.grid[0], launch.grid[1], launch.grid[2]};
        blockDim = {launch.block[0], launch.block[1], launch.block[2]};
        thread_count = blockDim.x * blockDim.y * blockDim.z;
        for (unsigned long long i = 0; i < launch.block_count; ++i) {
            const unsigned long long b = launch.first_block + i;
            blockIdx = {static_cast<unsigned>(b % gridDim.x),
                        static_cast<unsigned>(b / gridDim.x % gridDim.y),
                        static_cast<unsigned>(b / gridDim.x / gridDim.y)};
            run_block(launch.descending != 0);
        }
    }
    flush_denormals(false);
    // A fiber left in the middle of a kernel starts anew; its stack stays.
    if (failed) for (Fiber& fiber : fibers) fiber.entered = false;
    for (int i = 0; i < 5; ++i) sigaction(signals[i], &before[i], nullptr);
    return failed;
}

template <typename... Parameters, size_t... I>
void unpack(void (*entry)(Parameters...), void** values, std::index_sequence<I...>) {
    entry(*static_cast<std::decay_t<Parameters>*>(values[I])...);
}

template <typename... Parameters>
void call(void (*entry)(Parameters...), void** values) {
    unpack(entry, values, std::index_sequence_for<Parameters...>{});
}

template <typename T>
T shuffle(unsigned mask, T value, unsigned source, int line) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    Thread& thread = threads[current];
    thread.mask = mask;
    thread.source = source;
    memcpy(thread.sent, &value, sizeof value);
    wait(State::kAtWarpBarrier, line);
    memcpy(&value, threads[current].received, sizeof value);
    return value;
}

static unsigned lane() { return current % kWarp; }

}  // namespace cuda_on_cpu

// ---- what kernels call

static inline int __float_as_int(float value) {
    int bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float __int_as_float(int bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline long long __double_as_longlong(double value) {
    long long bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double __longlong_as_double(long long bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void __syncthreads(int line = __builtin_LINE()) {
    cuda_on_cpu::wait(cuda_on_cpu::State::kAtBlockBarrier, line);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int distance, int line = __builtin_LINE()) {
    return cuda_on_cpu::shuffle(mask, value, cuda_on_cpu::lane() ^ distance, line);
}
