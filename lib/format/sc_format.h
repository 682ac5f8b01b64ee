/*
 * The contract for formats: plugins of kind "format", whose impl is a `const sc_format *`.
 *
 * A format turns foreign bytes into a header and blocks of rows, and back. Host and format meet in
 * the public structs of sc_data.h and sc_stream.h only (sc_table, sc_csr, sc_dense, sc_header),
 * never in an opaque one, so that a format may come from another build. What it needs of libsluice
 * (sc_fail, sc_alloc, sc_strs_push, sc_table_add, sc_header_add ...) is linked into it from
 * libsluice.a and hidden there: no symbol of ours is left undefined, and a format's source reads
 * like a tool's. Memory is malloc's on both sides.
 *
 * Options of reading are the params table of the plugin, those of writing sc_format.write_params.
 * They become long options of sc-read and sc-write, which refuse those that the chosen format does
 * not have; equal names in several formats must have equal types and choices. sc_plugin.opts_size
 * is the size of the struct that reading fills.
 */
#ifndef SC_FORMAT_H
#define SC_FORMAT_H

#include "sc_data.h"
#include "sc_plugin.h"
#include "sc_stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the host does for a format. Append only: look at size before using what came later. */
typedef struct sc_host {
    uint32_t size;
    void *ctx;
    /* One line for the user, without the format's name or a line feed: what was skipped, summed or
     * chosen. Not for what stops the work: that is an sc_err. */
    void (*note)(void *ctx, const char *line);
} sc_host;

/* A note, printf-like. */
static inline SC_PRINTF(2, 3) void sc_note(const sc_host *host, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    host->note(host->ctx, line);
}

/*
 * What is to be read. The host owns it; it lives until close().
 *
 * name is for messages ("stdin", or the path as the user gave it). path can be opened, sought and
 * read from its beginning, any number of times; it is NULL while the bytes come through a pipe.
 * head is what the input begins with; text is the same with one layer of gzip, zstd, bzip2 or xz
 * taken off (text == head where there is none). Both are 0 long for a directory.
 */
typedef struct sc_source {
    const char *name, *path;
    bool is_dir;
    const unsigned char *head, *text;
    size_t head_len, text_len;
    /* Reads on, from the first byte, as read(2) does: up to cap bytes, *got == 0 at the end. For
     * formats that take a pipe; the bytes are as they come, compressed or not. */
    sc_status (*read)(struct sc_source *src, void *buf, size_t cap, size_t *got, sc_err *err);
    void *impl;
} sc_source;

/*
 * A block of rows with everything decoded. n_mats and the order of mats are the header's; of each
 * only the member that is_sparse says is used, and varm has neither. obs has the columns of the
 * header's obs, in its order and with its categories, n_rows rows and their names.
 */
typedef struct sc_format_mat {
    sc_csr sparse;
    sc_dense dense;
} sc_format_mat;

typedef struct sc_format_rows {
    int64_t row0, n_rows; /* index of the first row; number of rows, at most SC_BLOCK_ROWS */
    sc_table obs;
    int n_mats;
    sc_format_mat *mats;
} sc_format_rows;

/* Room for what h describes: mats zeroed, obs with h's columns, n_rows rows, no names yet. */
sc_status sc_format_rows_init(sc_format_rows *r, const sc_header *h, int64_t row0, int64_t n_rows,
                              sc_err *err) SC_MUST_CHECK;
void sc_format_rows_free(sc_format_rows *r);

enum {
    SC_FORMAT_SEEKS = 1, /* reads src->path; a pipe is spooled to a file before open() */
    SC_FORMAT_DIRS = 2,  /* reads directories too */
};

typedef struct sc_format {
    uint32_t size;
    unsigned flags;
    const char *suffixes; /* of names that sc-write gives to it: "h5ad", "csv|tsv"; "mtx|tar.gz";
                             a suffix "/" stands for a directory */
    /*
     * How surely the input is of this format: 0 no, 100 certain. A wild guess is 1, a name's suffix
     * alone 10, a first line that fits 50, a magic number 90. Looks at head, text, name and, where
     * path is not NULL, at the file. A format that seeks and needs the file to decide (all HDF5 has
     * one magic number) answers by the head as long as path is NULL; if that is not 0, the host
     * spools the pipe and asks again, now with a path. NULL: the format doesn't read.
     */
    int (*probe)(const sc_source *src);
    /*
     * Opens for reading and fills the (zeroed) header: n_obs where known, var whole, obs columns
     * with categories and no rows, the matrices with their kinds, uns. The kind of a matrix must be
     * true: take SC_COUNTS only if all values were looked at (a first pass, or a file that says
     * so; then next() fails with SC_EDATA where a value is otherwise). opts is the filled options
     * struct. h stays as it is until close(). On failure nothing is left open, and the host frees
     * h.
     */
    sc_status (*open)(void **state, sc_source *src, const void *opts, const sc_host *host,
                      sc_header *h, sc_err *err);
    /* The next rows, up to SC_BLOCK_ROWS, into a zeroed *r that the host frees; SC_END after the
     * last. On failure the host frees what *r has. */
    sc_status (*next)(void *state, sc_format_rows *r, sc_err *err);
    void (*close)(void *state); /* accepts NULL */
    /*
     * Writing; create == NULL: the format doesn't. path leads to an empty file (to be opened again,
     * not made), or is the name of a folder to be made: that where the suffixes have a "/", and
     * `target`, the name the user gave ("-" for stdout), ends in that or in none of the others. The
     * host puts it in its place when finish() has succeeded, or copies it to stdout; what target's
     * suffix asks for, path's need not tell. h is lent until discard(); its n_obs may
     * be -1. Numbers in messages are rows, names are `target`.
     */
    sc_status (*create)(void **state, const char *path, const char *target, const void *opts,
                        const sc_host *host, const sc_header *h, sc_err *err);
    sc_status (*put)(void *state, const sc_format_rows *r, sc_err *err); /* r is lent */
    sc_status (*finish)(void *state, sc_err *err);                       /* all is on disk */
    void (*discard)(void *state); /* after finish() or instead of it; accepts NULL */
    /* Options of writing, a table of their own: sc-write's. NULL: none, and create() gets NULL. */
    const sc_param *write_params;
    size_t write_opts_size;
} sc_format;

/* Narrows down the kind of a matrix while its values go by: begin with SC_COUNTS. */
static inline sc_matkind sc_kind_scan(sc_matkind kind, const float *values, int64_t n)
{
    enum { STRETCH = 256 }; /* loops without a way out vectorize */
    for (int64_t from = 0; from < n && kind != SC_REAL; from += STRETCH) {
        const int64_t end = n - from < STRETCH ? n : from + STRETCH;
        bool is_real = false, is_fraction = false;
        for (int64_t k = from; k < end; k++) {
            const float x = values[k];
            is_real |= !((x >= 0) & (x < INFINITY));
            /* above 2^23 a float has no fraction */
            const float y = ((x >= 0) & (x < 8388608.0F)) ? x : 0;
            is_fraction |= (float)(int32_t)y != y;
        }
        kind = is_real ? SC_REAL : is_fraction ? SC_COUNTS_FRACTIONAL : kind;
    }
    return kind;
}

#endif
