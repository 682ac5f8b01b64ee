#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void put_base64(FILE *f, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                           (i + 2 < n ? (uint32_t)p[i + 2] : 0);
        putc(digits[v >> 18], f);
        putc(digits[v >> 12 & 63], f);
        putc(i + 1 < n ? digits[v >> 6 & 63] : '=', f);
        putc(i + 2 < n ? digits[v & 63] : '=', f);
    }
}

static sc_status put_packed(FILE *f, const report_buf *b, sc_err *err)
{
    uLongf n = compressBound((uLong)b->n);
    uint8_t *packed = NULL;
    SC_TRY(sc_alloc(&packed, n, 1, err));
    const int ret = compress2(packed, &n, b->p, (uLong)b->n, 9);
    if (ret == Z_OK)
        put_base64(f, packed, n);
    free(packed);
    return ret == Z_OK ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
}

/* Inside a script element nothing but "</script" and "<!--" has a meaning, and JSON can say "<" in
 * another way. */
static void put_json(FILE *f, const char *json)
{
    for (; *json; json++)
        if (*json == '<')
            fputs("\\u003c", f);
        else
            putc(*json, f);
}

static void put_text(FILE *f, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        default:
            putc(*text, f);
        }
}

static sc_status put_genes(FILE *f, const report_genes *g, sc_err *err)
{
    int64_t *begin = NULL;
    int32_t *cell = NULL;
    uint8_t *code = NULL;
    report_buf b = {0};
    sc_status st;
    if (g->mat < 0)
        return SC_OK;
    SC_GOTO(st, report_genes_turn(g, &begin, &cell, &code, err), out);
    for (int64_t j = 0; j < g->n && st == SC_OK; j += REPORT_CHUNK) {
        b.n = 0;
        st = report_genes_pack(j, j + REPORT_CHUNK < g->n ? j + REPORT_CHUNK : g->n, begin, cell,
                               code, &b, err);
        if (st == SC_OK)
            st = put_packed(f, &b, err);
        putc('\n', f);
    }
out:
    free(b.p);
    free(begin);
    free(cell);
    free(code);
    return st;
}

static const report_asset *find_asset(const char *name, size_t len)
{
    const report_asset *a = report_assets;
    while (a->name && (strlen(a->name) != len || memcmp(a->name, name, len) != 0))
        a++;
    return a->name ? a : NULL;
}

/* page.html says {{name}} where a file, or what the report makes, goes. */
static sc_status put_part(FILE *f, const char *name, size_t len, const report_opts *o,
                          const report_cells *c, const char *json, const report_buf *bytes,
                          sc_err *err)
{
    const report_asset *a = find_asset(name, len);
    if (a) {
        fwrite(a->begin, 1, (size_t)(a->end - a->begin), f);
        return SC_OK;
    }
    if (len == 5 && memcmp(name, "title", 5) == 0)
        put_text(f, o->title);
    else if (len == 4 && memcmp(name, "meta", 4) == 0)
        put_json(f, json);
    else if (len == 5 && memcmp(name, "cells", 5) == 0)
        return put_packed(f, bytes, err);
    else if (len == 5 && memcmp(name, "genes", 5) == 0)
        return put_genes(f, &c->genes, err);
    return SC_OK;
}

sc_status report_page(FILE *f, const report_opts *o, const report_cells *c, const char *json,
                      const report_buf *bytes, sc_err *err)
{
    const char *at = report_assets[0].begin, *end = report_assets[0].end;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        const char *close = open ? memmem(open, (size_t)(end - open), "}}", 2) : NULL;
        if (!close) {
            fwrite(at, 1, (size_t)(end - at), f);
            break;
        }
        fwrite(at, 1, (size_t)(open - at), f);
        SC_TRY(put_part(f, open + 2, (size_t)(close - open) - 2, o, c, json, bytes, err));
        at = close + 2;
    }
    return SC_OK;
}
