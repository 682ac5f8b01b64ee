#include "escape.h"

#include <stdlib.h>
#include <string.h>

/* A code point as UTF-8; 0 for what isn't one. */
static size_t put_utf8(unsigned long c, char *to)
{
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return 0;
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    const int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int k = n - 1; k > 0; k--) {
        to[k] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    to[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
    return (size_t)n;
}

/* One escape at s: bytes read, and what it stands for in to; 0 if it is none. */
static size_t unescape_one(const char *s, char *to, size_t *n_to)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t k = 0; k < sizeof named / sizeof *named; k++)
        if (strncmp(s, named[k].name, strlen(named[k].name)) == 0) {
            to[0] = named[k].c;
            *n_to = 1;
            return strlen(named[k].name);
        }
    char *end = NULL;
    const bool is_hex = s[1] == '#' && (s[2] == 'x' || s[2] == 'X');
    const unsigned long c = s[1] == '#' ? strtoul(s + (is_hex ? 3 : 2), &end, is_hex ? 16 : 10) : 0;
    *n_to = end && *end == ';' ? put_utf8(c, to) : 0;
    return *n_to ? (size_t)(end + 1 - s) : 0;
}

/* An escape is never shorter than what it stands for, so each text shrinks where it lies. */
sc_status loom_unescape(sc_strs *s, sc_err *err)
{
    sc_strs to = {0};
    sc_status st = SC_OK;
    for (int64_t i = 0; i < s->n && st == SC_OK; i++) {
        char *text = s->bytes + s->off[i], *out = text;
        for (const char *p = text; *p;) {
            char c[4];
            size_t n = 0;
            const size_t used = *p == '&' ? unescape_one(p, c, &n) : 0;
            if (used)
                memcpy(out, c, n);
            else
                *out = *p;
            p += used ? used : 1;
            out += used ? n : 1;
        }
        st = sc_strs_push(&to, text, (size_t)(out - text), err);
    }
    sc_strs_free(s);
    *s = to;
    return st;
}
