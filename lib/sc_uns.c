#include "sc_uns.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

sc_status sc_uns_set(sc_header *h, const char *key, const char *json, sc_err *err)
{
    sc_status st = SC_OK;
    char *text = NULL, *copy = NULL;
    json_t *uns = json_loads(h->uns, 0, NULL), *value = json_loads(json, JSON_DECODE_ANY, NULL);

    if (!uns || !json_is_object(uns)) {
        st = sc_fail(err, SC_EFORMAT, "'uns' is not a JSON object");
        goto out;
    }
    if (!value || json_object_set(uns, key, value) != 0 ||
        !(text = json_dumps(uns, JSON_COMPACT | JSON_REAL_PRECISION(17)))) {
        st = sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/%s'", key);
        goto out;
    }
    const size_t len = strlen(text) + 1;
    SC_GOTO(st, sc_alloc(&copy, len, 1, err), out);
    memcpy(copy, text, len);
    free(h->uns);
    h->uns = copy;
out:
    free(text);
    json_decref(value);
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
