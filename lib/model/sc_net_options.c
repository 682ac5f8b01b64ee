/* The options of a model, to JSON and back. */
#include "sc_cli.h"
#include "sc_net.h"

#include <stdio.h>
#include <string.h>

json_t *sc_net_options(const sc_net *net)
{
    json_t *o = json_object();
    for (const sc_param *p = net->handle.plugin->params; p && p->name; p++) {
        const void *at = (const char *)net->opts + p->offset;
        if (p->type == SC_PARAM_BOOL)
            json_object_set_new(o, p->name, json_boolean(*(const bool *)at));
        else if (p->type == SC_PARAM_INT || p->type == SC_PARAM_SIZE)
            json_object_set_new(o, p->name, json_integer(*(const int64_t *)at));
        else if (p->type == SC_PARAM_REAL)
            json_object_set_new(o, p->name, json_real(*(const double *)at));
        else if (p->type == SC_PARAM_CHOICE) {
            size_t len = 0;
            const char *word = sc_param_choice_at(p, *(const int *)at, &len);
            json_object_set_new(o, p->name, json_stringn(word, len));
        } else if (p->type == SC_PARAM_STRING && *(const char *const *)at)
            json_object_set_new(o, p->name, json_string(*(const char *const *)at));
    }
    return o;
}

sc_status sc_net_options_from(sc_net *net, json_t *o, sc_err *err)
{
    const char *name;
    json_t *v;
    json_object_foreach(o, name, v)
    {
        char buf[64];
        const char *text = json_string_value(v);
        if (json_is_boolean(v))
            text = json_is_true(v) ? "true" : "false";
        else if (json_is_number(v)) {
            (void)snprintf(buf, sizeof buf, "%.17g", json_number_value(v));
            text = buf;
        }
        if (!text)
            return sc_fail(err, SC_EFORMAT, "option '%s' of the model has no value", name);
        SC_TRY(sc_params_set(net->handle.plugin->params, net->opts, name, text, err));
    }
    return SC_OK;
}
