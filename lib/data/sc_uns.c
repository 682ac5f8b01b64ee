#include "sc_uns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sc_status parse(const sc_header *h, json_t **uns, sc_err *err)
{
    *uns = json_loads(h->uns, 0, NULL);
    return json_is_object(*uns) ? SC_OK : sc_fail(err, SC_EFORMAT, "'uns' is not a JSON object");
}

static sc_status no_memory(sc_err *err)
{
    return sc_fail(err, SC_ENOMEM, "there is no memory for 'uns'");
}

/* Writes uns back. */
static sc_status put(sc_header *h, const json_t *uns, sc_err *err)
{
    char *copy = NULL, *text = json_dumps(uns, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        return no_memory(err);
    const size_t len = strlen(text) + 1;
    const sc_status st = sc_alloc(&copy, len, 1, err);
    if (st == SC_OK) {
        memcpy(copy, text, len);
        free(h->uns);
        h->uns = copy;
    }
    free(text);
    return st;
}

sc_status sc_uns_set(sc_header *h, const char *key, const char *json, sc_err *err)
{
    json_t *uns = NULL, *value = json_loads(json, JSON_DECODE_ANY, NULL);
    sc_status st = parse(h, &uns, err);
    if (st == SC_OK && (!value || json_object_set(uns, key, value) != 0))
        st = sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/%s'", key);
    if (st == SC_OK)
        st = put(h, uns, err);
    json_decref(value);
    json_decref(uns);
    return st;
}

sc_status sc_uns_drop(sc_header *h, const char *key, sc_err *err)
{
    json_t *uns = NULL;
    sc_status st = parse(h, &uns, err);
    if (st == SC_OK && json_object_del(uns, key) == 0)
        st = put(h, uns, err);
    json_decref(uns);
    return st;
}

static bool speaks_of_none(const sc_header *h, const json_t *entry)
{
    static const char *const keys[] = {"connectivities_key", "distances_key"};
    char path[512];
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const char *name = json_string_value(json_object_get(entry, keys[k]));
        if (name && snprintf(path, sizeof path, "obsp/%s", name) < (int)sizeof path &&
            sc_header_find(h, path) < 0)
            return true;
    }
    return false;
}

sc_status sc_uns_drop_graphless(sc_header *h, sc_strs *dropped, sc_err *err)
{
    json_t *uns = NULL, *entry;
    const char *key;
    void *next;
    const int64_t n = dropped->n;
    sc_status st = parse(h, &uns, err);
    if (st == SC_OK)
        json_object_foreach_safe(uns, next, key, entry)
        {
            if (st != SC_OK || !speaks_of_none(h, entry))
                continue;
            st = sc_strs_push(dropped, key, strlen(key), err);
            (void)json_object_del(uns, key);
        }
    if (st == SC_OK && dropped->n > n)
        st = put(h, uns, err);
    json_decref(uns);
    return st;
}

double sc_uns_number(const sc_header *h, const char *key, const char *field, double def)
{
    json_t *uns = json_loads(h->uns, 0, NULL);
    const json_t *value = json_object_get(json_object_get(uns, key), field);
    const double x = json_is_number(value) ? json_number_value(value) : def;
    json_decref(uns);
    return x;
}

/* *out: a new reference to what all n values share; NULL: nothing. */
static sc_status shared(json_t **out, json_t *const *values, int n, sc_err *err)
{
    json_t **members = NULL, *both = NULL, *member, *value = NULL;
    const char *key;
    bool are_equal = true;
    *out = NULL;
    for (int i = 1; i < n; i++)
        are_equal = are_equal && json_equal(values[i], values[0]);
    if (are_equal)
        *out = json_incref(values[0]);
    if (are_equal || !json_is_object(values[0]))
        return SC_OK;
    sc_status st = sc_alloc(&members, (size_t)n, sizeof(json_t *), err);
    json_object_foreach(values[0], key, member)
    {
        bool is_in_all = st == SC_OK;
        for (int i = 0; i < n && is_in_all; i++) {
            members[i] = json_object_get(values[i], key);
            is_in_all = members[i] != NULL;
        }
        if (is_in_all)
            st = shared(&value, members, n, err);
        if (is_in_all && value) {
            both = both ? both : json_object();
            if (json_object_set_new(both, key, value) != 0)
                st = no_memory(err);
        }
    }
    free(members);
    if (st == SC_OK)
        *out = both;
    else
        json_decref(both);
    return st;
}

/* Adds the names of entries of uns that are not in `kept`, or not whole. */
static sc_status note_dropped(json_t *uns, const json_t *kept, const char *except, sc_strs *dropped,
                              sc_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(uns, key, value)
    {
        bool is_known = strcmp(key, except) == 0;
        for (int64_t i = 0; i < dropped->n && !is_known; i++)
            is_known = strcmp(sc_strs_at(dropped, i), key) == 0;
        if (!is_known && !json_equal(value, json_object_get(kept, key)))
            SC_TRY(sc_strs_push(dropped, key, strlen(key), err));
    }
    return SC_OK;
}

sc_status sc_uns_agree(sc_header *out, const sc_header *const *in, int n, const char *except,
                       sc_strs *dropped, sc_err *err)
{
    json_t **all = NULL, *common = NULL, *kept = NULL;
    sc_status st = sc_alloc(&all, (size_t)n, sizeof(json_t *), err);
    for (int i = 0; i < n && st == SC_OK; i++)
        st = parse(in[i], &all[i], err);
    if (st == SC_OK)
        st = shared(&common, all, n, err);
    if (st == SC_OK) {
        kept = common ? json_copy(common) : json_object(); /* an input may hold `common`, too */
        st = kept ? SC_OK : no_memory(err);
    }
    if (st == SC_OK)
        (void)json_object_del(kept, except);
    for (int i = 0; i < n && st == SC_OK; i++)
        st = note_dropped(all[i], kept, except, dropped, err);
    if (st == SC_OK)
        st = put(out, kept, err);
    json_decref(kept);
    json_decref(common);
    for (int i = 0; all && i < n; i++)
        json_decref(all[i]);
    free(all);
    return st;
}
