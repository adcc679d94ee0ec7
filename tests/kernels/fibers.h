// One block of CUDA threads on one CPU thread: fibers, and the rendezvous they wait at.
//
// Every CUDA thread is a fiber that runs until it ends or waits. When all stand still it is known
// who is where, so a barrier or shuffle that a thread is missing from is reported with its line;
// hardware would hang, or go on with undefined values.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct uint3 {
    unsigned x, y, z;
};
static uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace cuda_on_cpu {

constexpr unsigned kWarp = 32;
constexpr unsigned kMostThreads = 1024;
constexpr size_t kStack = 64 * 1024;

struct Report {
    unsigned long long address;  // of a faulting access, else 0
    char text[400];
};

enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kEnded };

struct Thread {
    State state;
    int line;               // of the barrier or shuffle it waits at
    unsigned mask, source;  // lanes it expects there, lane it reads
    unsigned char sent[8], received[8];
};

struct Fiber {
    ucontext_t entry;
    jmp_buf context;
    void* stack = nullptr;
    bool entered = false;
};

static Thread threads[kMostThreads];
static Fiber fibers[kMostThreads];
static unsigned thread_count, current;
static jmp_buf scheduler;
static sigjmp_buf launch_exit;
static Report* report;
static void (*kernel)(void**);
static void** arguments;

[[noreturn]] static void fail(const char* format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(report->text, sizeof report->text, format, values);
    va_end(values);
    siglongjmp(launch_exit, 1);
}

// ---- fibers: entered once through ucontext, switched by setjmp, which makes no system call

static void fiber_main() {
    for (;;) {
        kernel(arguments);
        threads[current].state = State::kEnded;
        if (_setjmp(fibers[current].context) == 0) _longjmp(scheduler, 1);
    }
}

static void resume(unsigned index) {
    current = index;
    threadIdx = {index % blockDim.x, index / blockDim.x % blockDim.y,
                 index / (blockDim.x * blockDim.y)};
    Fiber& fiber = fibers[index];
    if (_setjmp(scheduler) != 0) return;
    if (fiber.entered) _longjmp(fiber.context, 1);
    fiber.entered = true;
    getcontext(&fiber.entry);
    if (fiber.stack == nullptr) {
        fiber.stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (fiber.stack == MAP_FAILED) fail("no memory for a fiber's stack");
    }
    fiber.entry.uc_stack.ss_sp = fiber.stack;
    fiber.entry.uc_stack.ss_size = kStack;
    fiber.entry.uc_link = nullptr;
    makecontext(&fiber.entry, fiber_main, 0);
    setcontext(&fiber.entry);
}

static void wait(State state, int line) {
    threads[current].state = state;
    threads[current].line = line;
    if (_setjmp(fibers[current].context) == 0) _longjmp(scheduler, 1);
}

// ---- rendezvous

static const char* whereabouts(const Thread& thread) {
    static char text[64];
    if (thread.state == State::kEnded) return "has ended";
    snprintf(text, sizeof text, "waits at line %d", thread.line);
    return text;
}

// Lets the lanes that one waiting lane expects exchange their values, and marks them ready.
static void meet(unsigned warp_start, unsigned lane) {
    const Thread& first = threads[warp_start + lane];
    const unsigned mask = first.mask;
    if (!(mask >> lane & 1)) {
        fail("line %d: lane %u is not in its own mask %#x", first.line, lane, mask);
    }
    for (unsigned other = 0; other < kWarp; ++other) {
        if (!(mask >> other & 1)) continue;
        if (warp_start + other >= thread_count) {
            fail("line %d: mask %#x names lane %u, which the block lacks", first.line, mask, other);
        }
        const Thread& partner = threads[warp_start + other];
        if (partner.state != State::kAtWarpBarrier || partner.line != first.line ||
            partner.mask != mask) {
            fail("line %d: lane %u of mask %#x is missing: it %s", first.line, other, mask,
                 whereabouts(partner));
        }
        if (!(mask >> partner.source & 1)) {
            fail("line %d: lane %u reads lane %u, which mask %#x leaves out", first.line, other,
                 partner.source, mask);
        }
    }
    for (unsigned other = 0; other < kWarp; ++other) {
        if (!(mask >> other & 1)) continue;
        Thread& partner = threads[warp_start + other];
        memcpy(partner.received, threads[warp_start + partner.source].sent, 8);
        partner.state = State::kReady;
    }
}

static unsigned ordered(unsigned index, unsigned count, bool descending) {
    return descending ? count - 1 - index : index;
}

// Runs a warp until each of its threads has ended or waits for the block.
static void run_warp(unsigned start, bool descending) {
    const unsigned lanes = thread_count - start < kWarp ? thread_count - start : kWarp;
    for (bool moved = true; moved;) {
        moved = false;
        for (unsigned i = 0; i < lanes; ++i) {
            const unsigned index = start + ordered(i, lanes, descending);
            if (threads[index].state == State::kReady) {
                resume(index);
                moved = true;
            }
        }
        for (unsigned lane = 0; lane < lanes; ++lane) {
            if (threads[start + lane].state == State::kAtWarpBarrier) {
                meet(start, lane);
                moved = true;
            }
        }
    }
}

static void run_block(bool descending) {
    for (unsigned i = 0; i < thread_count; ++i) threads[i].state = State::kReady;
    const unsigned warps = (thread_count + kWarp - 1) / kWarp;
    for (;;) {
        for (unsigned i = 0; i < warps; ++i) {
            run_warp(ordered(i, warps, descending) * kWarp, descending);
        }
        unsigned waiting = 0, at = 0;
        for (unsigned i = 0; i < thread_count; ++i) {
            if (threads[i].state == State::kAtBlockBarrier) ++waiting, at = i;
        }
        if (waiting == 0) return;
        for (unsigned i = 0; i < thread_count; ++i) {
            if (threads[i].state != State::kAtBlockBarrier || threads[i].line != threads[at].line) {
                fail("line %d: divergent barrier: thread %u %s", threads[at].line, i,
                     whereabouts(threads[i]));
            }
        }
        for (unsigned i = 0; i < thread_count; ++i) threads[i].state = State::kReady;
    }
}

}  // namespace cuda_on_cpu
