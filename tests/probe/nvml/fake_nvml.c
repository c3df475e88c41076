/* A stand-in for NVIDIA's management library, loaded by the real nvidia-ml-py in place of a driver.
 *
 * The machine is a text file, named in FAKE_NVML_MACHINE and read anew for every question, so that a test can change it
 * between two readings. A line holds a key and a value: `driver 570.86.15`, `0.name Tesla T4`, `0.slice1.uuid MIG-2`.
 * The value `!15` answers the question with NVML's error 15, and what is not in the file is not supported.
 *
 * Compiled with -DOLD_DRIVER it lacks the functions that a driver of 2016 lacked; with -DINIT_RESULT=n, nothing but
 * error n comes of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESS 0
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define INSUFFICIENT_SIZE 7
#define SLICES 100

#ifndef INIT_RESULT
#define INIT_RESULT SUCCESS
#endif

typedef unsigned long long number_t;
typedef struct { number_t total, free, used; } memory_t;
typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned version, sensor; int temperature; } temperature_t;
typedef struct { unsigned pid; number_t used; unsigned gpu_instance, compute_instance; } process_t;

static char value[256];

static int find(const char *key) {
    const char *path = getenv("FAKE_NVML_MACHINE");
    FILE *machine = path ? fopen(path, "r") : NULL;
    size_t length = strlen(key);
    char line[256];
    int result = NOT_SUPPORTED;
    while (machine && fgets(line, sizeof line, machine)) {
        if (strncmp(line, key, length) || line[length] != ' ') continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(value, sizeof value, "%s", line + length + 1);
        result = value[0] == '!' ? atoi(value + 1) : SUCCESS;
        break;
    }
    if (machine) fclose(machine);
    return result;
}

/* A handle is a number in disguise: 1, 2, 3 are devices, 101 is the first slice of device 1. */
static unsigned handle_of(void *device) { return (unsigned)((char *)device - (char *)0); }

static int ask(void *device, const char *question) {
    char key[128];
    unsigned handle = handle_of(device);
    if (handle > SLICES)
        snprintf(key, sizeof key, "%u.slice%u.%s", handle / SLICES - 1, handle % SLICES - 1, question);
    else
        snprintf(key, sizeof key, "%u.%s", handle - 1, question);
    return find(key);
}

static int text(int result, char *buffer, unsigned length) {
    if (result == SUCCESS) snprintf(buffer, length, "%s", value);
    return result;
}

static int number(int result, unsigned *answer) {
    if (result == SUCCESS) *answer = strtoul(value, NULL, 0);
    return result;
}

static int large_number(int result, number_t *answer) {
    if (result == SUCCESS) *answer = strtoull(value, NULL, 0);
    return result;
}

static int processes(void *device, const char *question, unsigned *count, process_t *list) {
    char key[64];
    unsigned running = 0, room = *count;
    int result = number(ask(device, question), &running);
    if (result != SUCCESS) return result;
    *count = running;
    if (running > room) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < running; i++) {
        snprintf(key, sizeof key, "%s%u", question, i);
        if (ask(device, key) == SUCCESS) sscanf(value, "%u %llu", &list[i].pid, &list[i].used);
    }
    return SUCCESS;
}

int nvmlInitWithFlags(unsigned flags) {
    int asked = find("init");
    (void)flags;
    return INIT_RESULT != SUCCESS ? INIT_RESULT : asked == NOT_SUPPORTED ? SUCCESS : asked;
}

int nvmlShutdown(void) { return SUCCESS; }
int nvmlSystemGetDriverVersion(char *buffer, unsigned length) { return text(find("driver"), buffer, length); }
int nvmlDeviceGetCount_v2(unsigned *count) { return number(find("count"), count); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    int result;
    *device = (char *)0 + index + 1;
    result = ask(*device, "handle");
    return result == NOT_SUPPORTED ? SUCCESS : result;
}

int nvmlDeviceGetName(void *device, char *buffer, unsigned length) { return text(ask(device, "name"), buffer, length); }
int nvmlDeviceGetUUID(void *device, char *buffer, unsigned length) { return text(ask(device, "uuid"), buffer, length); }

int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    int result = ask(device, "memory");
    if (result == SUCCESS) sscanf(value, "%llu %llu", &memory->total, &memory->used);
    memory->free = memory->total - memory->used;
    return result;
}

int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *milliwatts) {
    return number(ask(device, "power_limit"), milliwatts);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) { return number(ask(device, "power"), milliwatts); }
int nvmlDeviceGetMaxPcieLinkGeneration(void *device, unsigned *answer) { return number(ask(device, "pcie"), answer); }
int nvmlDeviceGetMaxPcieLinkWidth(void *device, unsigned *answer) { return number(ask(device, "pcie_width"), answer); }

int nvmlDeviceGetUtilizationRates(void *device, utilization_t *utilization) {
    return number(ask(device, "utilization"), &utilization->gpu);
}

int nvmlDeviceGetClockInfo(void *device, unsigned clock, unsigned *megahertz) {
    return number(ask(device, clock == 1 ? "sm_clock" : clock == 2 ? "memory_clock" : "other_clock"), megahertz);
}

int nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *celsius) {
    return number(ask(device, sensor == 0 ? "temperature" : "other_temperature"), celsius);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, number_t *reasons) {
    return large_number(ask(device, "throttle"), reasons);
}

int nvmlDeviceGetComputeRunningProcesses_v2(void *device, unsigned *count, process_t *list) {
    return processes(device, "compute", count, list);
}

#ifndef OLD_DRIVER
int nvmlSystemGetCudaDriverVersion_v2(int *version) { return number(find("cuda"), (unsigned *)version); }

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    int result = ask(device, "capability");
    if (result == SUCCESS) sscanf(value, "%d.%d", major, minor);
    return result;
}

int nvmlDeviceGetArchitecture(void *device, unsigned *answer) { return number(ask(device, "architecture"), answer); }
int nvmlDeviceGetNumGpuCores(void *device, unsigned *answer) { return number(ask(device, "cuda_cores"), answer); }

int nvmlDeviceGetNvLinkState(void *device, unsigned link, unsigned *active) {
    unsigned links = 0, up = 0;
    int result = ask(device, "nvlinks");
    if (result != SUCCESS) return result;
    sscanf(value, "%u %u", &links, &up);
    *active = link < up;
    return link < links ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    int result = number(ask(device, "mig"), current);
    *pending = *current;
    return result;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) { return number(ask(device, "max_slices"), count); }

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **slice) {
    *slice = (char *)0 + handle_of(device) * SLICES + index + 1;
    return ask(*slice, "name") == NOT_SUPPORTED ? NOT_FOUND : SUCCESS;
}

int nvmlDeviceGetTemperatureV(void *device, temperature_t *answer) {
    return number(ask(device, answer->sensor == 0 ? "temperature" : "other_temperature"), (unsigned *)&answer->temperature);
}

int nvmlDeviceGetCurrentClocksEventReasons(void *device, number_t *reasons) {
    return large_number(ask(device, "throttle"), reasons);
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, number_t *millijoules) {
    return large_number(ask(device, "energy"), millijoules);
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process_t *list) {
    return processes(device, "compute", count, list);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, process_t *list) {
    return processes(device, "graphics", count, list);
}
#endif
