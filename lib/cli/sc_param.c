#include "sc_cli_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sc_param_takes_value(const sc_param *p)
{
    return p->type != SC_PARAM_BOOL && p->type != SC_PARAM_FLAG;
}

const char *sc_param_placeholder(const sc_param *p)
{
    if (p->choices)
        return p->choices;
    switch (p->type) {
    case SC_PARAM_INT:
        return "N";
    case SC_PARAM_REAL:
        return "X";
    case SC_PARAM_SIZE:
        return "SIZE";
    default:
        return "VALUE";
    }
}

const char *sc_param_choice_at(const sc_param *p, int i, size_t *len)
{
    const char *s = p->choices;
    for (; i > 0 && s; i--) {
        s = strchr(s, '|');
        s = s ? s + 1 : NULL;
    }
    if (s)
        *len = strcspn(s, "|");
    return s;
}

const char *sc_param_default_text(const sc_param *p, char *buf, size_t buf_len)
{
    buf[0] = '\0';
    if (p->type == SC_PARAM_INT || p->type == SC_PARAM_REAL) {
        if (isfinite(p->def))
            (void)snprintf(buf, buf_len, "%.12g", p->def);
    } else if (p->type == SC_PARAM_CHOICE) {
        size_t len = 0;
        const char *s = sc_param_choice_at(p, (int)p->def, &len);
        if (s)
            (void)snprintf(buf, buf_len, "%.*s", (int)len, s);
    } else if (p->type == SC_PARAM_SIZE && p->def > 0) {
        static const char unit[] = " KMGT";
        int u = 0;
        double v = p->def;
        for (; u < 4 && v >= 1024 && fmod(v, 1024) == 0; u++)
            v /= 1024;
        (void)snprintf(buf, buf_len, u ? "%.0f%c" : "%.0f", v, unit[u]);
    }
    return buf;
}

static sc_status set_choice(const sc_param *p, int *field, const char *value, sc_err *err)
{
    size_t len = 0;
    const char *s;
    for (int i = 0; (s = sc_param_choice_at(p, i, &len)); i++)
        if (strlen(value) == len && strncmp(s, value, len) == 0) {
            *field = i;
            return SC_OK;
        }
    return sc_fail(err, SC_EUSAGE, "option '--%s' takes one of %s, not '%s'", p->name, p->choices,
                   value);
}

static sc_status set_bool(const sc_param *p, bool *field, const char *value, sc_err *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1", "False", "True"};
    for (int i = 0; i < 8; i++)
        if (strcmp(value, words[i]) == 0) {
            *field = i % 2 == 1;
            return SC_OK;
        }
    return sc_fail(err, SC_EUSAGE, "option '--%s' takes true or false, not '%s'", p->name, value);
}

/* Then -1 stands for what a model or another option says, and no number below 0 means anything. */
static bool is_unset_at_minus_1(const sc_param *p)
{
    return p->type == SC_PARAM_REAL && p->def == -1 && p->min == -1;
}

static sc_status bad_number(const sc_param *p, const char *value, sc_err *err)
{
    const char *what = p->type == SC_PARAM_INT ? "a whole number" : "a number";
    if (p->max >= 9e15 && p->min <= -9e15)
        return sc_fail(err, SC_EUSAGE, "option '--%s' takes %s, not '%s'", p->name, what, value);
    if (p->max >= 9e15)
        return sc_fail(err, SC_EUSAGE, "option '--%s' takes %s of %.12g or more, not '%s'", p->name,
                       what, p->min, value);
    const bool is_unset = is_unset_at_minus_1(p);
    return sc_fail(err, SC_EUSAGE, "option '--%s' takes %s from %.12g to %.12g%s, not '%s'",
                   p->name, what, is_unset ? 0 : p->min, p->max, is_unset ? ", or -1" : "", value);
}

static sc_status set_real(const sc_param *p, double *field, const char *value, sc_err *err)
{
    char *end = NULL;
    const double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v) || v < p->min || v > p->max ||
        (is_unset_at_minus_1(p) && v < 0 && v != -1))
        return bad_number(p, value, err);
    *field = v;
    return SC_OK;
}

/* 100000 and 1e5 are both whole numbers to a user. */
static sc_status set_int(const sc_param *p, int64_t *field, const char *value, sc_err *err)
{
    char *end = NULL;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (end == value || errno)
        return bad_number(p, value, err);
    if (*end) {
        const double d = strtod(value, &end);
        if (*end || !(fabs(d) <= 0x1p53) || d != floor(d))
            return bad_number(p, value, err);
        v = (long long)d;
    }
    if ((double)v < p->min || (double)v > p->max)
        return bad_number(p, value, err);
    *field = v;
    return SC_OK;
}

static sc_status set_size(const sc_param *p, int64_t *field, const char *value, sc_err *err)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    double v = strtod(value, &end);
    bool is_ok = end != value && v >= 0 && v <= 0x1p62;
    if (is_ok && *end) {
        const char upper = (char)(*end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end);
        const char *u = strchr(units, upper);
        if (u) {
            v *= pow(1024, (double)(u - units + 1));
            end++;
            if (*end == 'i')
                end++;
        }
        if (*end == 'B')
            end++;
        is_ok = *end == '\0';
    }
    if (!is_ok || v < p->min || v > p->max || v > 0x1p62)
        return sc_fail(err, SC_EUSAGE, "option '--%s' takes a size such as 512M or 2G, not '%s'",
                       p->name, value);
    *field = (int64_t)v;
    return SC_OK;
}

static sc_status push_item(sc_param_list *list, const char *value, sc_err *err)
{
    SC_TRY(sc_resize(&list->items, (size_t)list->n + 1, sizeof *list->items, err));
    list->items[list->n++] = value;
    return SC_OK;
}

static sc_status set_flag(const sc_param *p, int *field, const char *value, sc_err *err)
{
    const bool is_on = strcmp(value, "true") == 0;
    if (is_on || strcmp(value, "false") == 0) {
        *field = is_on;
        return SC_OK;
    }
    SC_TRY(set_choice(p, field, value, err));
    *field += 2;
    return SC_OK;
}

sc_status sc_param_set(const sc_param *p, void *opts, const char *value, sc_err *err)
{
    void *field = (char *)opts + p->offset;
    switch (p->type) {
    case SC_PARAM_BOOL:
        return set_bool(p, field, value, err);
    case SC_PARAM_INT:
        return set_int(p, field, value, err);
    case SC_PARAM_REAL:
        return set_real(p, field, value, err);
    case SC_PARAM_CHOICE:
        return set_choice(p, field, value, err);
    case SC_PARAM_SIZE:
        return set_size(p, field, value, err);
    case SC_PARAM_FLAG:
        return set_flag(p, field, value, err);
    case SC_PARAM_LIST:
        return push_item(field, value, err);
    case SC_PARAM_STRING:
        *(const char **)field = value;
        return SC_OK;
    }
    return sc_fail(err, SC_EUSAGE, "option '--%s' has a type that this version doesn't know",
                   p->name);
}

void sc_params_default(const sc_param *params, void *opts)
{
    for (const sc_param *p = params; p && p->name; p++) {
        void *field = (char *)opts + p->offset;
        switch (p->type) {
        case SC_PARAM_BOOL:
            *(bool *)field = p->def != 0;
            break;
        case SC_PARAM_INT:
        case SC_PARAM_SIZE:
            *(int64_t *)field = (int64_t)p->def;
            break;
        case SC_PARAM_REAL:
            *(double *)field = p->def;
            break;
        case SC_PARAM_CHOICE:
        case SC_PARAM_FLAG:
            *(int *)field = (int)p->def;
            break;
        case SC_PARAM_STRING:
            *(const char **)field = NULL;
            break;
        case SC_PARAM_LIST:
            *(sc_param_list *)field = (sc_param_list){0, NULL};
            break;
        }
    }
}
