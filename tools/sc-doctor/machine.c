/* The machine: CPU, kernels, threads, memory, room for scratch files. */
#include "doctor.h"
#include "sc_kernels.h"
#include "sc_temp.h"
#include "sc_threads.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

enum { M = 96, N = 96, K = 96, NUMBERS = M * K };

/* What follows `key` and its colon in a file of lines; false if there is none. */
static bool line_of(const char *path, const char *key, char *buf, size_t buf_len)
{
    char line[512];
    bool is_there = false;
    FILE *f = fopen(path, "re");
    while (f && !is_there && fgets(line, sizeof line, f)) {
        is_there = strncmp(line, key, strlen(key)) == 0;
        const char *s = *key ? strchr(line, ':') : line;
        if (is_there && s) {
            s += *key != '\0';
            s += strspn(s, " \t");
            (void)snprintf(buf, buf_len, "%.*s", (int)strcspn(s, "\n"), s);
        }
    }
    if (f)
        (void)fclose(f);
    return is_there;
}

static void make_numbers(float *a, float *b)
{
    uint32_t s = 7;
    for (int i = 0; i < NUMBERS; i++) {
        s = s * 1664525U + 1013904223U;
        a[i] = (float)(s >> 16) / 65536.0F - 0.5F;
        b[i] = (float)(s & 0xffffU) / 65536.0F - 0.5F;
    }
}

/* A product that the kernels get wrong, by which nothing else can be right. */
static bool is_right(const sc_kernels *k, const float *a, const float *b, float *c)
{
    k->gemm_nn(M, N, K, a, K, b, N, c, N, false);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int m = 0; m < K; m++)
                sum += (double)a[i * K + m] * (double)b[m * N + j];
            if (!(fabs(sum - (double)c[i * N + j]) < 1e-4))
                return false;
        }
    return true;
}

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of the best of some runs: the others shared the core with somebody. */
static double gigaflops(const sc_kernels *k, const float *a, const float *b, float *c)
{
    double best = INFINITY;
    for (int i = 0; i < 40; i++) {
        const double start = seconds();
        k->gemm_nn(M, N, K, a, K, b, N, c, N, false);
        const double took = seconds() - start;
        best = took > 0 && took < best ? took : best;
    }
    return 2e-9 * M * N * K / best;
}

static void try_kernels(doctor *d, const float *a, const float *b, float *c)
{
    static const char *const isas[] = {"avx512", "avx2", "base"};
    const sc_kernels *chosen = sc_kernels_get(NULL);
    for (size_t i = 0; i < 3; i++) {
        const sc_kernels *k = sc_kernels_get(isas[i]);
        if (k && !is_right(k, a, b, c))
            doctor_say(d, IS_BAD, "kernels",
                       "%s: a matrix product comes out wrong; --isa %s goes without it", isas[i],
                       k == chosen ? "base" : chosen->isa);
        else if (k == chosen)
            doctor_say(d, i < 2 ? IS_OK : IS_NOTE, "kernels",
                       "%s, %d floats at once, %.0f GFLOP/s a core%s", k->isa, k->width,
                       gigaflops(k, a, b, c),
                       i < 2 ? ": the widest that this CPU has"
                             : ": this CPU has neither AVX-512 nor AVX2 with FMA, so training is "
                               "slow");
        else if (k)
            doctor_say(d, IS_OK, "kernels", "%s works too (--isa %s)", isas[i], isas[i]);
        else
            doctor_say(d, IS_OK, "kernels", "%s is not in this CPU", isas[i]);
    }
}

void look_at_cpu(doctor *d)
{
    char name[256] = "of unknown name";
    float *a = NULL, *b = NULL, *c = NULL;
    (void)line_of("/proc/cpuinfo", "model name", name, sizeof name);
    doctor_say(d, IS_OK, "cpu", "%s", name);
    if (sc_alloc(&a, NUMBERS, sizeof *a, NULL) == SC_OK &&
        sc_alloc(&b, NUMBERS, sizeof *b, NULL) == SC_OK &&
        sc_alloc(&c, (size_t)M * N, sizeof *c, NULL) == SC_OK) {
        make_numbers(a, b);
        try_kernels(d, a, b, c);
    }
    free(a);
    free(b);
    free(c);
    doctor_say(d, IS_OK, "blas", "none is used: the kernels above do its work");
}

/* A container's share of the machine's CPUs, or 0: all. */
static double cpu_quota(void)
{
    char text[128], *end;
    if (!line_of("/sys/fs/cgroup/cpu.max", "", text, sizeof text))
        return 0;
    const double quota = strtod(text, &end);
    const double period = strtod(end, NULL);
    return end > text && period > 0 ? quota / period : 0;
}

static void look_at_threads(doctor *d)
{
    const int n = sc_threads_default();
    const double quota = cpu_quota();
    if (quota > 0 && quota < n)
        doctor_say(d, IS_NOTE, "threads",
                   "%d, but the container gives them the time of %.1f cores: -@ %.0f is faster", n,
                   quota, fmax(1, floor(quota)));
    else
        doctor_say(d, IS_OK, "threads", "%d, of %ld cores (-@ takes fewer)", n,
                   sysconf(_SC_NPROCESSORS_ONLN));
}

static double gibibytes(const char *path, const char *key, double unit)
{
    char text[128], *end;
    if (!line_of(path, key, text, sizeof text))
        return INFINITY;
    const double v = strtod(text, &end);
    return end > text ? v * unit / (1 << 30) : INFINITY;
}

static void look_at_memory(doctor *d)
{
    const double all = gibibytes("/proc/meminfo", "MemTotal", 1024);
    const double left = gibibytes("/proc/meminfo", "MemAvailable", 1024);
    const double group = gibibytes("/sys/fs/cgroup/memory.max", "", 1);
    if (group < all)
        doctor_say(d, IS_OK, "memory", "%.1f GiB for this container, %.1f GiB free on the machine",
                   group, left);
    else
        doctor_say(d, left < 1 ? IS_NOTE : IS_OK, "memory", "%.1f GiB, %.1f of it free%s", all,
                   left, left < 1 ? ": sc-fit --memory keeps counts on disk" : "");
}

static void look_at_tmpdir(doctor *d)
{
    const char *dir = sc_temp_folder();
    struct statfs fs;
    sc_err err = {0};
    int fd = -1;
    if (sc_temp_fd(&fd, &err) != SC_OK) {
        doctor_say(d, IS_BAD, "TMPDIR", "%s; set TMPDIR to a folder that you may write to",
                   err.msg);
        return;
    }
    if (fstatfs(fd, &fs) == 0) {
        const double left = (double)fs.f_bavail * (double)fs.f_bsize / (1 << 30);
        const bool is_memory = fs.f_type == TMPFS_MAGIC;
        doctor_say(d, left < 2 || is_memory ? IS_NOTE : IS_OK, "TMPDIR", "%s, %.1f GiB free%s%s",
                   dir, left, is_memory ? ", which is memory and no disk" : "",
                   left < 2 || is_memory ? ": set TMPDIR to a folder with room for your data" : "");
    }
    (void)close(fd);
}

void look_at_limits(doctor *d)
{
    look_at_threads(d);
    look_at_memory(d);
    look_at_tmpdir(d);
}
