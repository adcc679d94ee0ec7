/* A driver with CUDA_STUB_DEVICES devices (1) whose cuInit gives CUDA_STUB_STATUS (0). */
#include <stdlib.h>
#include <string.h>

static int setting(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

int cuInit(unsigned flags) { return setting("CUDA_STUB_STATUS", 0); }
int cuDriverGetVersion(int *version) { return *version = setting("CUDA_STUB_VERSION", 12080), 0; }
int cuDeviceGetCount(int *count) { return *count = setting("CUDA_STUB_DEVICES", 1), 0; }
int cuDeviceGet(int *device, int number) { return *device = number, 0; }
int cuDeviceGetName(char *name, int size, int device) { return strncpy(name, "Stub GPU", size), 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = (size_t)5 << 30, 0; }
int cuDeviceGetAttribute(int *value, int key, int device) { return *value = key == 75 ? 8 : 6, 0; }
