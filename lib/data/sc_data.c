#include "sc_data.h"
#include "sc_data_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Length of the well-formed UTF-8 sequence at p, which has n > 0 bytes left, or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    const unsigned c = p[0];
    const size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t k = 1; k < len; k++)
        if ((p[k] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates and what lies beyond U+10FFFF */
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool sc_is_text(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    for (size_t k = 0; k < len;) {
        if (p[k] == 0)
            return false;
        const size_t step = utf8_len(p + k, len - k);
        if (step == 0)
            return false;
        k += step;
    }
    return true;
}

static sc_status reserve(sc_strs *s, int64_t n, uint64_t n_bytes, sc_err *err)
{
    if (!s->off || n > s->cap_n) {
        const int64_t cap = n > 2 * s->cap_n ? n : 2 * s->cap_n;
        SC_TRY(sc_resize(&s->off, (size_t)cap + 1, sizeof *s->off, err));
        s->cap_n = cap;
        if (s->n == 0)
            s->off[0] = 0;
    }
    if (!s->bytes || n_bytes > s->cap_bytes) {
        const uint64_t cap = n_bytes > 2 * s->cap_bytes ? n_bytes : 2 * s->cap_bytes;
        SC_TRY(sc_resize(&s->bytes, cap, 1, err));
        s->cap_bytes = cap;
    }
    return SC_OK;
}

/* Shows so much of it as is sure to be text, so that it can be found in its file. */
static sc_status fail_text(const char *str, size_t len, sc_err *err)
{
    char shown[64];
    size_t n = 0;
    for (; n < len && n + 1 < sizeof shown; n++)
        shown[n] = str[n] >= 0x20 && str[n] < 0x7f ? str[n] : '?';
    shown[n] = '\0';
    return sc_fail(err, SC_EFORMAT, "'%s' is not UTF-8 text", shown);
}

sc_status sc_strs_push(sc_strs *s, const char *str, size_t len, sc_err *err)
{
    if (!sc_is_text(str, len))
        return fail_text(str, len, err);
    const uint64_t used = s->n ? s->off[s->n] : 0;
    SC_TRY(reserve(s, s->n + 1, used + len + 1, err));
    if (len)
        memcpy(s->bytes + used, str, len);
    s->bytes[used + len] = 0;
    s->n++;
    s->off[s->n] = used + len + 1;
    return SC_OK;
}

sc_status sc_strs_copy(sc_strs *to, const sc_strs *from, sc_err *err)
{
    sc_strs_free(to);
    if (from->n == 0)
        return SC_OK;
    SC_TRY(reserve(to, from->n, from->off[from->n], err));
    memcpy(to->off, from->off, ((size_t)from->n + 1) * sizeof *to->off);
    memcpy(to->bytes, from->bytes, from->off[from->n]);
    to->n = from->n;
    return SC_OK;
}

sc_status sc_strs_take(sc_strs *to, const sc_strs *from, const int64_t *rows, int64_t n,
                       sc_err *err)
{
    sc_strs_free(to);
    uint64_t total = 0;
    for (int64_t i = 0; i < n; i++)
        total += from->off[rows[i] + 1] - from->off[rows[i]];
    if (n == 0)
        return SC_OK;
    SC_TRY(reserve(to, n, total, err));
    for (int64_t i = 0; i < n; i++) {
        const uint64_t at = from->off[rows[i]], len = from->off[rows[i] + 1] - at;
        memcpy(to->bytes + to->off[i], from->bytes + at, len);
        to->off[i + 1] = to->off[i] + len;
    }
    to->n = n;
    return SC_OK;
}

void sc_strs_free(sc_strs *s)
{
    free(s->off);
    free(s->bytes);
    *s = (sc_strs){0};
}

struct sc_names {
    const sc_strs *s;
    uint64_t mask;
    int64_t *slot; /* position + 1; 0: empty */
};

static uint64_t hash(const char *s)
{
    return XXH3_64bits(s, strlen(s));
}

sc_status sc_names_new(sc_names **out, const sc_strs *s, sc_err *err)
{
    sc_names *x;
    uint64_t cap = 16;
    while (cap < 2 * (uint64_t)s->n)
        cap *= 2;
    *out = NULL;
    SC_TRY(sc_alloc(&x, 1, sizeof *x, err));
    const sc_status st = sc_alloc(&x->slot, cap, sizeof *x->slot, err);
    if (st != SC_OK) {
        free(x);
        return st;
    }
    x->s = s;
    x->mask = cap - 1;
    for (int64_t i = 0; i < s->n; i++) {
        const char *name = sc_strs_at(s, i);
        uint64_t h = hash(name) & x->mask;
        while (x->slot[h] && strcmp(sc_strs_at(s, x->slot[h] - 1), name) != 0)
            h = (h + 1) & x->mask;
        if (!x->slot[h])
            x->slot[h] = i + 1;
    }
    *out = x;
    return SC_OK;
}

int64_t sc_names_find(const sc_names *x, const char *name)
{
    for (uint64_t h = hash(name) & x->mask; x->slot[h]; h = (h + 1) & x->mask)
        if (strcmp(sc_strs_at(x->s, x->slot[h] - 1), name) == 0)
            return x->slot[h] - 1;
    return -1;
}

void sc_names_free(sc_names *x)
{
    if (x)
        free(x->slot);
    free(x);
}

/* Two new names never clash with each other: the last dash tells them apart. So only the old names
 * are looked up. */
static sc_status push_renamed(sc_strs *to, const sc_names *old, const char *name, int64_t *count,
                              sc_err *err)
{
    const size_t room = strlen(name) + 24;
    char *buf;
    SC_TRY(sc_alloc(&buf, room, 1, err));
    do {
        ++*count;
        (void)snprintf(buf, room, "%s-%lld", name, (long long)*count);
    } while (sc_names_find(old, buf) >= 0);
    const sc_status st = sc_strs_push(to, buf, strlen(buf), err);
    free(buf);
    return st;
}

sc_status sc_strs_make_unique(sc_strs *s, int64_t *n_renamed, sc_err *err)
{
    sc_strs to = {0};
    sc_names *old = NULL;
    int64_t *count = NULL, n = 0;
    sc_status st;
    SC_GOTO(st, sc_names_new(&old, s, err), out);
    SC_GOTO(st, sc_alloc(&count, (size_t)s->n, sizeof *count, err), out);
    for (int64_t i = 0; i < s->n; i++) {
        const char *name = sc_strs_at(s, i);
        const int64_t first = sc_names_find(old, name);
        if (first == i) {
            SC_GOTO(st, sc_strs_push(&to, name, strlen(name), err), out);
        } else {
            SC_GOTO(st, push_renamed(&to, old, name, &count[first], err), out);
            n++;
        }
    }
    sc_strs_free(s);
    *s = to;
    to = (sc_strs){0};
    if (n_renamed)
        *n_renamed = n;
out:
    sc_strs_free(&to);
    sc_names_free(old);
    free(count);
    return st;
}

enum { NEAR_MAX = 64, PART_MIN = 4, WORD_MIN = 3 };

/* Edits (insert, drop, change, upper to lower case at half price) times two between a and b, or a
 * large number for long names. */
static int distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    int row[NEAR_MAX + 1];
    if (n > NEAR_MAX || m > NEAR_MAX)
        return 1 << 20;
    for (size_t j = 0; j <= m; j++)
        row[j] = 2 * (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diag = row[0];
        row[0] = 2 * (int)i;
        for (size_t j = 1; j <= m; j++) {
            const int x = (unsigned char)a[i - 1], y = (unsigned char)b[j - 1];
            const int cost = x == y ? 0 : (x ^ y) == 0x20 ? 1 : 2;
            int best = diag + cost;
            diag = row[j];
            if (row[j] + 2 < best)
                best = row[j] + 2;
            if (row[j - 1] + 2 < best)
                best = row[j - 1] + 2;
            row[j] = best;
        }
    }
    return row[m];
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether the shorter of the two stands in the other as whole words: likelihood, gene-likelihood.
 */
static bool is_part(const char *a, const char *b)
{
    const char *part = strlen(a) < strlen(b) ? a : b, *whole = part == a ? b : a;
    const size_t n = strlen(part);
    if (n < PART_MIN)
        return false;
    for (const char *at = strstr(whole, part); at; at = strstr(at + 1, part))
        if ((at == whole || !is_letter(at[-1])) && !is_letter(at[n]))
            return true;
    return false;
}

/* Whether two names of words joined by dashes differ in one of them only, which begins alike:
 * totl-sum, target-sum. */
static bool differ_in_word(const char *a, const char *b)
{
    int n_same = 0, n_alike = 0;
    for (;;) {
        const size_t n = strcspn(a, "-_"), m = strcspn(b, "-_");
        const bool is_same = n == m && n >= WORD_MIN && strncmp(a, b, n) == 0;
        n_same += is_same;
        n_alike += !is_same && n && *a == *b;
        if (!is_same && (!n || *a != *b))
            return false;
        if (!a[n] || !b[m])
            return a[n] == b[m] && n_same > 0 && n_alike == 1;
        a += n + 1;
        b += m + 1;
    }
}

void sc_strs_near(const sc_strs *s, const char *name, char *buf, size_t buf_len)
{
    int64_t best[3] = {-1, -1, -1};
    int dist[3] = {0};
    const int limit = 2 + 2 * (int)(strlen(name) / 3);
    int n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const char *other = sc_strs_at(s, i);
        int d = distance(name, other);
        if (d > limit && (is_part(name, other) || differ_in_word(name, other)))
            d = limit;
        if (d > limit || (n == 3 && d >= dist[2]))
            continue;
        int k = n < 3 ? n++ : 2;
        for (; k > 0 && dist[k - 1] > d; k--) {
            dist[k] = dist[k - 1];
            best[k] = best[k - 1];
        }
        dist[k] = d;
        best[k] = i;
    }
    size_t used = 0;
    if (buf_len)
        buf[0] = 0;
    for (int k = 0; k < n && used < buf_len; k++) {
        const char *sep = k == 0 ? "" : k == n - 1 ? " or " : ", ";
        const int w = snprintf(buf + used, buf_len - used, "%s'%s'", sep, sc_strs_at(s, best[k]));
        used += w > 0 ? (size_t)w : 0;
    }
}
