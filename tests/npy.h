/*
 * Reads the arrays of ../shared/parity: NumPy format 1.0 or 2.0, little-endian, C order, one of
 * float32, float64, int32, int64, bool. For tests only: whatever it can't read gives a false, and
 * says so on stderr.
 *
 *   npy a;
 *   assert_true(npy_read(&a, "%s/expected/qz_m.f64.npy", dir));
 *   assert_int_equal(a.dims[0], 96); // shape; a.n is the number of elements
 *   a.f64[i]                         // by dtype 'f' 4/8, 'i' 4/8, 'b' 1: f32, f64, i32, i64, u8
 *   npy_at(&a, i)                    // any dtype, as a double
 *   npy_free(&a);
 */
#ifndef TESTS_NPY_H
#define TESTS_NPY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NPY_MAX_DIMS = 8 };

typedef struct npy {
    size_t n, dims[NPY_MAX_DIMS]; /* n: product of dims; 1 for a scalar */
    int n_dims;
    char kind; /* 'f', 'i', 'b' */
    int size;  /* bytes an element */
    union {    /* owned; never NULL after a true */
        void *data;
        float *f32;
        double *f64;
        int32_t *i32;
        int64_t *i64;
        uint8_t *u8;
    };
} npy;

static inline bool npy_shape(npy *a, const char *s)
{
    a->n = 1;
    for (a->n_dims = 0; *s != ')' && *s != '\0'; s += strspn(s, ", ")) {
        char *end;
        unsigned long long d = strtoull(s, &end, 10);
        if (end == s || a->n_dims == NPY_MAX_DIMS || (d && a->n > SIZE_MAX / 8 / d))
            return false;
        a->dims[a->n_dims++] = (size_t)d;
        a->n *= (size_t)d;
        s = end;
    }
    return *s == ')';
}

static inline bool npy_header(npy *a, const char *h)
{
    const char *descr = strstr(h, "'descr': '"), *shape = strstr(h, "'shape': (");
    if (!descr || !shape || !strstr(h, "'fortran_order': False"))
        return false;
    descr += strlen("'descr': '");
    a->kind = descr[1];
    a->size = atoi(descr + 2);
    bool known = (a->kind == 'f' && (a->size == 4 || a->size == 8)) ||
                 (a->kind == 'i' && (a->size == 4 || a->size == 8)) ||
                 (a->kind == 'b' && a->size == 1);
    return known && (*descr == '<' || *descr == '|') && npy_shape(a, shape + strlen("'shape': ("));
}

static inline bool npy_load(npy *a, FILE *f)
{
    unsigned char m[12] = {0};
    char h[4096];
    if (fread(m, 1, 10, f) != 10 || memcmp(m, "\x93NUMPY", 6) != 0)
        return false;
    size_t len = m[8] | (size_t)m[9] << 8;
    if (m[6] > 1) {
        if (fread(m + 10, 1, 2, f) != 2)
            return false;
        len |= (size_t)m[10] << 16 | (size_t)m[11] << 24;
    }
    if (len >= sizeof h || fread(h, 1, len, f) != len)
        return false;
    h[len] = '\0';
    if (!npy_header(a, h))
        return false;
    a->data = calloc(a->n + 1, (size_t)a->size);
    return a->data && fread(a->data, (size_t)a->size, a->n, f) == a->n && fgetc(f) == EOF;
}

static inline void npy_free(npy *a)
{
    free(a->data);
    memset(a, 0, sizeof *a);
}

/* The path is a format with its arguments. Free with npy_free. */
__attribute__((format(printf, 2, 3))) static inline bool npy_read(npy *a, const char *fmt, ...)
{
    char path[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(path, sizeof path, fmt, ap);
    va_end(ap);

    memset(a, 0, sizeof *a);
    FILE *f = fopen(path, "rb");
    bool ok = f && npy_load(a, f);
    if (f)
        fclose(f);
    if (!ok) {
        fprintf(stderr, "%s: not an array that npy.h can read\n", path);
        npy_free(a);
    }
    return ok;
}

static inline double npy_at(const npy *a, size_t i)
{
    if (a->kind == 'f')
        return a->size == 4 ? (double)a->f32[i] : a->f64[i];
    if (a->kind == 'i')
        return a->size == 4 ? (double)a->i32[i] : (double)a->i64[i];
    return (double)a->u8[i];
}

#endif
