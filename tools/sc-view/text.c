#include "view.h"

#include "sc_print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void put_field(FILE *to, const char *s)
{
    for (;; s++) {
        const size_t plain = strcspn(s, "\t\n\r\\");
        (void)fwrite_unlocked(s, 1, plain, to);
        s += plain;
        if (!*s)
            return;
        if (*s == '\t')
            fputs("\\t", to);
        else if (*s == '\n')
            fputs("\\n", to);
        else if (*s == '\r')
            fputs("\\r", to);
        else
            fputs("\\\\", to);
    }
}

/* Most numbers of a matrix are small counts. */
void put_number(FILE *to, double x)
{
    char text[SC_REAL_TEXT];
    if (x >= 0 && x < 1000 && x == (double)(int)x && !signbit(x)) {
        const int n = (int)x;
        if (n >= 100)
            putc_unlocked('0' + n / 100, to);
        if (n >= 10)
            putc_unlocked('0' + n / 10 % 10, to);
        putc_unlocked('0' + n % 10, to);
    } else {
        (void)fwrite_unlocked(text, 1, sc_print_real(text, x), to);
    }
}

void put_table_head(FILE *to, const char *first, const sc_table *t)
{
    fputs(first, to);
    for (int k = 0; k < t->n_cols; k++) {
        putc_unlocked('\t', to);
        put_field(to, t->cols[k].name);
    }
    putc_unlocked('\n', to);
}

void put_table_rows(FILE *to, const sc_table *t, int64_t n)
{
    char buf[64];
    for (int64_t i = 0; i < n; i++) {
        put_field(to, sc_strs_at(&t->names, i));
        for (int k = 0; k < t->n_cols; k++) {
            putc_unlocked('\t', to);
            put_field(to, sc_col_text(&t->cols[k], i, buf, sizeof buf));
        }
        putc_unlocked('\n', to);
    }
}

static const char *type_name(sc_col_type t)
{
    static const char *const names[] = {"string", "category", "int", "real", "bool"};
    return names[t];
}

void put_columns(FILE *to, const char *label, const sc_table *t)
{
    enum { SHOWN = 6 };
    if (t->n_cols == 0)
        return;
    fprintf(to, "%s: ", label);
    for (int k = 0; k < t->n_cols; k++) {
        const sc_col *c = &t->cols[k];
        fprintf(to, "%s%s (%s", k ? ", " : "", c->name, type_name(c->type));
        for (int64_t i = 0; i < c->categories.n && i < SHOWN; i++)
            fprintf(to, "%s%s", i ? ", " : ": ", sc_strs_at(&c->categories, i));
        if (c->categories.n > SHOWN)
            fprintf(to, ", %lld more", (long long)(c->categories.n - SHOWN));
        putc(')', to);
    }
    putc('\n', to);
}

void put_records(FILE *to, const sc_strs *records)
{
    for (int64_t k = 0; k < records->n; k++) {
        json_t *o = json_of_text(sc_strs_at(records, k)), *argv = json_object_get(o, "argv"), *arg;
        const char *tool = json_string_value(json_object_get(o, "tool"));
        const char *version = json_string_value(json_object_get(o, "version"));
        size_t i;
        fprintf(to, "by: %s %s", tool ? tool : "?", version ? version : "?");
        json_array_foreach(argv, i, arg) if (json_is_string(arg))
            fprintf(to, " %s", json_string_value(arg));
        putc('\n', to);
        json_decref(o);
    }
}

json_t *json_of_text(const char *text)
{
    json_t *o = json_loads(text, 0, NULL);
    return o ? o : json_object();
}

json_t *json_of_strs(const sc_strs *s, bool parsed)
{
    json_t *a = json_array();
    for (int64_t k = 0; k < s->n; k++) {
        const char *text = sc_strs_at(s, k);
        json_array_append_new(a, parsed ? json_of_text(text) : json_string(text));
    }
    return a;
}

json_t *json_of_columns(const sc_table *t)
{
    json_t *a = json_array();
    for (int k = 0; k < t->n_cols; k++) {
        json_t *o =
            json_pack("{s:s, s:s}", "name", t->cols[k].name, "type", type_name(t->cols[k].type));
        if (t->cols[k].type == SC_COL_CATEGORY)
            json_object_set_new(o, "categories", json_of_strs(&t->cols[k].categories, false));
        json_array_append_new(a, o);
    }
    return a;
}

sc_status put_json(FILE *to, json_t *takes, sc_err *err)
{
    const int bad = json_dumpf(takes, to, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(takes);
    putc('\n', to);
    return bad && !ferror(to) ? sc_fail(err, SC_ENOMEM, "out of memory for JSON") : SC_OK;
}

sc_status no_table(const char *what, sc_strs *takes, sc_err *err)
{
    char near[200];
    sc_strs_near(takes, what, near, sizeof near);
    sc_status st;
    if (*near) {
        st = sc_fail(err, SC_EDATA, "there is no '%s'; near to it: %s", what, near);
    } else {
        char list[400] = "";
        size_t used = 0;
        for (int64_t k = 0; k < takes->n; k++) {
            const char *name = sc_strs_at(takes, k);
            const bool fits = used + strlen(name) + sizeof ", , ..." <= sizeof list;
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", k ? ", " : "",
                                     fits ? name : "...");
            if (!fits)
                break;
        }
        st = sc_fail(err, SC_EDATA, "there is no '%s'; there are: %s", what, list);
    }
    sc_strs_free(takes);
    return st;
}
