#include "repeats.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FIRST_CAP = 4096 };

/* Where that hash stands or would. */
static int64_t place(const repeats *r, uint64_t hash)
{
    int64_t at = (int64_t)(hash & (uint64_t)(r->cap - 1));
    while (r->seen[at] && r->seen[at] != hash)
        at = (at + 1) & (r->cap - 1);
    return at;
}

static sc_status grow(repeats *r, sc_err *err)
{
    repeats more = {.n = r->n, .cap = r->cap ? 2 * r->cap : FIRST_CAP};
    SC_TRY(sc_alloc(&more.seen, (size_t)more.cap, sizeof *more.seen, err));
    for (int64_t k = 0; k < r->cap; k++)
        if (r->seen[k])
            more.seen[place(&more, r->seen[k])] = r->seen[k];
    free(r->seen);
    r->seen = more.seen;
    r->cap = more.cap;
    return SC_OK;
}

sc_status repeats_add(repeats *r, const sc_strs *names, sc_err *err)
{
    for (int64_t i = 0; i < names->n; i++) {
        const char *name = sc_strs_at(names, i);
        const uint64_t full = XXH3_64bits(name, strlen(name)), hash = full ? full : 1;
        if (2 * r->n >= r->cap)
            SC_TRY(grow(r, err));
        const int64_t at = place(r, hash);
        if (!r->seen[at]) {
            r->seen[at] = hash;
            r->n++;
        } else if (r->n_repeated++ == 0 && !(r->first = strdup(name))) {
            return sc_fail(err, SC_ENOMEM, "no memory for a name");
        }
    }
    return SC_OK;
}

void repeats_free(repeats *r)
{
    free(r->seen);
    free(r->first);
    *r = (repeats){0};
}
