/* A stand-in for NVIDIA's management library, loaded by the real nvidia-ml-py in place of a driver.
 *
 * Device 0 is an H100, device 1 a T4 that supports little, device 2 fell off the bus, device 3 falls while it answers.
 * Compiled with -DOLD_DRIVER it lacks what drivers of 2016 lacked; -DINIT_RESULT=n makes initialisation fail.
 */
#include <stdio.h>
#include <string.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3
#define GPU_IS_LOST 15

#ifndef INIT_RESULT
#define INIT_RESULT SUCCESS
#endif

typedef struct { unsigned long long total, free, used; } memory_t;

static int number(void *device) { return (int)((char *)device - (char *)0) - 1; }
static int text(char *buffer, unsigned length, const char *value) { snprintf(buffer, length, "%s", value); return SUCCESS; }

int nvmlInitWithFlags(unsigned flags) { (void)flags; return INIT_RESULT; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlSystemGetDriverVersion(char *buffer, unsigned length) { return text(buffer, length, "570.86.15"); }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 4; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index == 2) return GPU_IS_LOST;
    *device = (char *)0 + index + 1;
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *buffer, unsigned length) {
    if (number(device) == 3) return GPU_IS_LOST;
    return text(buffer, length, number(device) == 0 ? "NVIDIA H100 80GB HBM3" : "Tesla T4");
}

int nvmlDeviceGetUUID(void *device, char *buffer, unsigned length) {
    return number(device) == 1 ? NOT_SUPPORTED : text(buffer, length, "GPU-00000000-0000-0000-0000-000000000001");
}

int nvmlDeviceGetArchitecture(void *device, unsigned *architecture) {
    *architecture = number(device) == 0 ? 9 : 6;
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12080; return SUCCESS; }

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    *major = number(device) == 0 ? 9 : 7;
    *minor = number(device) == 0 ? 0 : 5;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    if (number(device) == 1) return NOT_SUPPORTED;
    memory->total = 81559ULL << 20;
    memory->free = 81000ULL << 20;
    memory->used = 559ULL << 20;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    if (number(device) == 1) return NOT_SUPPORTED;
    *current = *pending = 0;
    return SUCCESS;
}
#endif
