#include "sc_uns.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static sc_status parse(const sc_header *h, json_t **uns, sc_err *err)
{
    *uns = json_loads(h->uns, 0, NULL);
    return json_is_object(*uns) ? SC_OK : sc_fail(err, SC_EFORMAT, "'uns' is not a JSON object");
}

/* Writes uns back. */
static sc_status put(sc_header *h, const json_t *uns, const char *key, sc_err *err)
{
    char *copy = NULL, *text = json_dumps(uns, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        return sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/%s'", key);
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
        st = put(h, uns, key, err);
    json_decref(value);
    json_decref(uns);
    return st;
}

sc_status sc_uns_drop(sc_header *h, const char *key, sc_err *err)
{
    json_t *uns = NULL;
    sc_status st = parse(h, &uns, err);
    if (st == SC_OK && json_object_del(uns, key) == 0)
        st = put(h, uns, key, err);
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
