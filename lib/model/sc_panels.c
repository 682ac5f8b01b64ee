#include "sc_panels.h"

#include "sc_uns.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

bool sc_panels_any(const sc_header *h)
{
    json_t *uns = h->uns ? json_loads(h->uns, 0, NULL) : NULL;
    const bool any = json_object_get(uns, "panels") != NULL;
    json_decref(uns);
    return any;
}

/* obj[key], an object that is made if it is not there; lent. */
static json_t *member(json_t *obj, const char *key)
{
    if (!json_object_get(obj, key))
        json_object_set_new(obj, key, json_object());
    return json_object_get(obj, key);
}

sc_status sc_panels_add(sc_header *h, const char *key, const char *column, const char *panel,
                        const sc_strs *names, sc_err *err)
{
    json_t *uns = json_loads(h->uns ? h->uns : "{}", 0, NULL);
    json_t *panels = member(uns, "panels"), *of_key = member(panels, key);
    json_object_set_new(of_key, "column", json_string(column));
    json_t *measured = member(of_key, "measured"), *list = json_object_get(measured, panel);
    if (!list) {
        list = json_array();
        json_object_set_new(measured, panel, list);
    }
    for (int64_t i = 0; i < names->n; i++)
        json_array_append_new(list, json_string(sc_strs_at(names, i)));
    char *text = json_dumps(panels, JSON_COMPACT);
    const sc_status st = text ? sc_uns_set(h, "panels", text, err)
                              : sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/panels'");
    free(text);
    json_decref(uns);
    return st;
}

/* Adds the panels of `more` to those of `to`; false if they do not go together. */
static bool unite(json_t *to, const json_t *more)
{
    json_t *measured = json_object_get(to, "measured"), *others = json_object_get(more, "measured"),
           *list;
    const char *panel;
    if (!json_is_object(measured) || !json_is_object(others) ||
        !json_equal(json_object_get(to, "column"), json_object_get(more, "column")))
        return false;
    json_object_foreach(others, panel, list)
    {
        const json_t *known = json_object_get(measured, panel);
        if (known ? !json_equal(known, list) : json_object_set(measured, panel, list) != 0)
            return false;
    }
    return true;
}

sc_status sc_panels_join(sc_header *out, const sc_header *const *in, int n, bool *is_lost,
                         sc_err *err)
{
    json_t *joined = NULL;
    sc_status st = SC_OK;
    *is_lost = false;
    for (int i = 0; i < n; i++) {
        json_t *uns = json_loads(in[i]->uns, 0, NULL), *value;
        json_t *panels = json_deep_copy(json_object_get(uns, "panels"));
        const char *key;
        void *next;
        json_object_foreach(i ? panels : NULL, key, value) *is_lost =
            *is_lost || !json_object_get(joined, key);
        if (i == 0)
            joined = json_incref(panels);
        json_object_foreach_safe(i ? joined : NULL, next, key,
                                 value) if (!unite(value, json_object_get(panels, key)))
        {
            *is_lost = true;
            json_object_del(joined, key);
        }
        json_decref(panels);
        json_decref(uns);
    }
    if (json_object_size(joined)) {
        char *text = json_dumps(joined, JSON_COMPACT);
        st = text ? sc_uns_set(out, "panels", text, err)
                  : sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/panels'");
        free(text);
    }
    json_decref(joined);
    return st;
}

static void mark(const json_t *list, const sc_strs *names, uint8_t *missing)
{
    for (int64_t p = 0; p < names->n; p++) {
        missing[p] = 1;
        for (size_t i = 0; i < json_array_size(list) && missing[p]; i++) {
            const char *name = json_string_value(json_array_get(list, i));
            missing[p] = !name || strcmp(name, sc_strs_at(names, p)) != 0;
        }
    }
}

sc_status sc_panels_missing(const sc_header *h, const char *key, const char *column,
                            const sc_strs *panels, const sc_strs *names, uint8_t *missing,
                            sc_err *err)
{
    json_t *uns = h->uns ? json_loads(h->uns, 0, NULL) : NULL;
    const json_t *of_key = json_object_get(json_object_get(uns, "panels"), key);
    const json_t *measured = json_object_get(of_key, "measured");
    const char *by = json_string_value(json_object_get(of_key, "column"));
    sc_status st = SC_OK;
    if (of_key && (!by || !json_is_object(measured)))
        st = sc_fail(err, SC_EDATA, "uns/panels does not say what was measured of '%s'", key);
    for (int64_t b = 0; st == SC_OK && by && column && strcmp(by, column) == 0 && b < panels->n;
         b++) {
        const json_t *list = json_object_get(measured, sc_strs_at(panels, b));
        if (json_is_array(list))
            mark(list, names, missing + b * names->n);
    }
    json_decref(uns);
    return st;
}
