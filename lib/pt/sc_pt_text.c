/* Lists and arrays as text: names of genes, levels of a category. */
#include "sc_pickle.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t put_utf8(unsigned char *s, uint32_t c)
{
    if (c < 0x80) {
        s[0] = (unsigned char)c;
        return 1;
    }
    const int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int k = n - 1; k > 0; k--, c >>= 6)
        s[k] = (unsigned char)(0x80 | (c & 0x3f));
    s[0] = (unsigned char)(lead[n] | c);
    return (size_t)n;
}

sc_status sc_pt_utf32(sc_pt_arena *a, const unsigned char *p, size_t n, sc_pt_text *out,
                      sc_err *err)
{
    while (n > 0 && sc_pt_integer(p + 4 * (n - 1), 4, false) == 0)
        n--;
    SC_TRY(sc_pt_take(a, &out->s, 4 * n + 1, 1, err));
    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t c = (uint32_t)sc_pt_integer(p + 4 * i, 4, false);
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return sc_fail(err, SC_EFORMAT, "a string has a character that isn't Unicode");
        out->n += put_utf8(out->s + out->n, c);
    }
    return SC_OK;
}

/* As Python prints a float: the fewest digits that give it back, a point or an exponent always, and
 * the exponent only below 1e-4 and from 1e16 on. */
static void print_float(char *out, size_t size, double d)
{
    int digits = 0;
    do
        (void)snprintf(out, size, "%.*e", digits, d);
    while (strtod(out, NULL) != d && digits++ < 16);
    const char *e = strchr(out, 'e');
    const long exponent = e && isfinite(d) ? strtol(e + 1, NULL, 10) : 16;
    if (exponent < -4 || exponent >= 16)
        return;
    const int decimals = digits > exponent ? digits - (int)exponent : 1;
    (void)snprintf(out, size, "%.*f", decimals, d);
}

static sc_status text_of(sc_pt_arena *a, const sc_pt_value *v, size_t i, const char **out,
                         sc_err *err)
{
    const sc_pt_ndarray *array = sc_pt_as_ndarray(v);
    const sc_pt_value *item = sc_pt_item(v, i);
    char s[40] = "";
    double d;
    if (sc_pt_as_text(item)) {
        *out = sc_pt_as_text(item);
        return SC_OK;
    }
    if (array && array->kind == 'U') {
        sc_pt_text t;
        SC_TRY(sc_pt_utf32(a, array->data + i * array->item_size, array->item_size / 4, &t, err));
        if (memchr(t.s, '\0', t.n))
            return sc_fail(err, SC_EFORMAT, "a string has a NUL inside");
        *out = (const char *)t.s;
        return SC_OK;
    }
    if (sc_pt_kind_of(item) == SC_PT_BOOL || (array && array->kind == 'b')) {
        if (sc_pt_real_at(v, i, &d))
            (void)snprintf(s, sizeof s, "%s", d != 0 ? "True" : "False");
    } else if (sc_pt_kind_of(item) == SC_PT_INT) {
        (void)snprintf(s, sizeof s, "%" PRId64, item->i);
    } else if (array && (array->kind == 'i' || array->kind == 'u')) {
        const int64_t n =
            sc_pt_integer(array->data + i * array->item_size, array->item_size, array->kind == 'i');
        (void)snprintf(s, sizeof s, array->kind == 'i' ? "%" PRId64 : "%" PRIu64, n);
    } else if (sc_pt_real_at(v, i, &d)) {
        print_float(s, sizeof s, d);
    }
    if (!s[0])
        return sc_fail(err, SC_EFORMAT, "element %zu is no text and no number", i);
    char *copy;
    SC_TRY(sc_pt_take(a, &copy, strlen(s) + 1, 1, err));
    memcpy(copy, s, strlen(s));
    *out = copy;
    return SC_OK;
}

sc_status sc_pt_texts(sc_pt *pt, const sc_pt_value *v, const char *what, sc_pt_names *out,
                      sc_err *err)
{
    const sc_pt_kind kind = sc_pt_kind_of(v);
    const char **s;
    *out = (sc_pt_names){0};
    if (kind != SC_PT_LIST && kind != SC_PT_TUPLE && kind != SC_PT_NDARRAY)
        return sc_fail(err, SC_EFORMAT, "%s is no list of names", what);
    const size_t n = sc_pt_len(v);
    SC_TRY(sc_pt_take(&pt->arena, &s, n, sizeof *s, err));
    for (size_t i = 0; i < n; i++) {
        sc_status st = text_of(&pt->arena, v, i, &s[i], err);
        if (st != SC_OK)
            return sc_err_prefix(err, st, "%s", what);
    }
    *out = (sc_pt_names){.n = n, .s = s};
    return SC_OK;
}
