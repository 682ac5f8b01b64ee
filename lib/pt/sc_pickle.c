/* The opcodes: a stack, a memo, no recursion. Sizes are checked against the bytes that are left. */
#include "sc_pickle.h"
#include "sc_pickle_ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct cursor {
    const unsigned char *at, *end, *start;
} cursor;

static sc_status early_end(sc_err *err)
{
    return sc_fail(err, SC_EFORMAT, "pickle ends early");
}

/* The next n bytes, little-endian. */
static sc_status number(cursor *c, int n, uint64_t *out, sc_err *err)
{
    if (c->end - c->at < n)
        return early_end(err);
    *out = 0;
    for (int i = 0; i < n; i++)
        *out |= (uint64_t)c->at[i] << (8 * i);
    c->at += n;
    return SC_OK;
}

static sc_status push(sc_pickle *p, sc_pt_value *v, sc_err *err)
{
    if (p->n == p->cap) {
        const size_t cap = p->cap ? p->cap * 2 : 256;
        SC_TRY(sc_resize(&p->stack, cap, sizeof(sc_pt_value *), err));
        p->cap = cap;
    }
    p->stack[p->n++] = v;
    return SC_OK;
}

/* The top n values, none of them a mark, are taken off; they stay readable at *out until the next
 * push. */
static sc_status pop(sc_pickle *p, size_t n, sc_pt_value ***out, sc_err *err)
{
    for (size_t i = 1; i <= n; i++)
        if (i > p->n || p->stack[p->n - i] == p->mark)
            return sc_fail(err, SC_EFORMAT, "pickle takes more from its stack than there is");
    p->n -= n;
    *out = p->stack + p->n;
    return SC_OK;
}

static sc_status pop_to_mark(sc_pickle *p, sc_pt_value ***out, size_t *n, sc_err *err)
{
    for (size_t i = p->n; i-- > 0;) {
        if (p->stack[i] != p->mark)
            continue;
        *out = p->stack + i + 1;
        *n = p->n - i - 1;
        p->n = i;
        return SC_OK;
    }
    return sc_fail(err, SC_EFORMAT, "pickle goes back to a mark that isn't there");
}

/* memo slots are at most as many as the bytes of the pickle, whatever index is asked for */
static sc_status memo_put(sc_pickle *p, const cursor *c, uint64_t i, sc_err *err)
{
    if (p->n == 0 || p->stack[p->n - 1] == p->mark)
        return sc_fail(err, SC_EFORMAT, "pickle remembers a value that isn't there");
    if (i >= (uint64_t)(c->end - c->start))
        return sc_fail(err, SC_EFORMAT, "pickle has an impossible memo index %" PRIu64, i);
    if (i >= p->cap_memo) {
        const size_t cap = (size_t)i + (size_t)i / 2 + 256;
        SC_TRY(sc_resize(&p->memo, cap, sizeof(sc_pt_value *), err));
        p->cap_memo = cap;
    }
    for (; p->n_memo <= i; p->n_memo++)
        p->memo[p->n_memo] = NULL;
    p->memo[i] = p->stack[p->n - 1];
    return SC_OK;
}

static sc_status memo_get(sc_pickle *p, uint64_t i, sc_err *err)
{
    if (i >= p->n_memo || !p->memo[i])
        return sc_fail(err, SC_EFORMAT, "pickle recalls memo %" PRIu64 ", which was never set", i);
    return push(p, p->memo[i], err);
}

static sc_status push_int(sc_pickle *p, int64_t i, sc_err *err)
{
    sc_pt_value *v;
    SC_TRY(sc_pt_new(p->arena, SC_PT_INT, &v, err));
    v->i = i;
    return push(p, v, err);
}

static sc_status push_long(sc_pickle *p, cursor *c, sc_err *err)
{
    uint64_t n = 0, bits = 0;
    SC_TRY(number(c, 1, &n, err));
    if (n > 8)
        return sc_fail(err, SC_EFORMAT, "pickle has an integer of more than 64 bits");
    SC_TRY(number(c, (int)n, &bits, err));
    if (n > 0 && n < 8 && bits >> (8 * n - 1))
        bits |= ~UINT64_C(0) << (8 * n);
    int64_t i;
    memcpy(&i, &bits, sizeof i);
    return push_int(p, i, err);
}

static sc_status push_float(sc_pickle *p, cursor *c, sc_err *err)
{
    uint64_t bits = 0;
    sc_pt_value *v;
    SC_TRY(number(c, 8, &bits, err));
    SC_TRY(sc_pt_new(p->arena, SC_PT_FLOAT, &v, err));
    bits = __builtin_bswap64(bits); /* alone in pickle, floats are big-endian */
    memcpy(&v->f, &bits, sizeof v->f);
    return push(p, v, err);
}

static sc_status push_text(sc_pickle *p, cursor *c, sc_pt_kind kind, int len_size, sc_err *err)
{
    uint64_t n = 0;
    sc_pt_value *v;
    SC_TRY(number(c, len_size, &n, err));
    if (n > (uint64_t)(c->end - c->at))
        return sc_fail(err, SC_EFORMAT,
                       "pickle has a string of %" PRIu64 " bytes, but %td are left", n,
                       c->end - c->at);
    if (kind == SC_PT_STRING && !sc_pt_is_utf8(c->at, (size_t)n))
        return sc_fail(err, SC_EFORMAT, "pickle has a string that isn't UTF-8");
    SC_TRY(sc_pt_new_text(p->arena, kind, c->at, (size_t)n, &v, err));
    c->at += n;
    return push(p, v, err);
}

static sc_status push_tuple(sc_pickle *p, sc_pt_value **items, size_t n, sc_err *err)
{
    if (n == 0)
        return push(p, p->empty_tuple, err);
    sc_pt_value *v;
    SC_TRY(sc_pt_new(p->arena, SC_PT_TUPLE, &v, err));
    SC_TRY(sc_pt_append(p->arena, v, items, n, err));
    return push(p, v, err);
}

static sc_status small_tuple(sc_pickle *p, size_t n, sc_err *err)
{
    sc_pt_value **items;
    SC_TRY(pop(p, n, &items, err));
    return push_tuple(p, items, n, err);
}

static sc_status push_new(sc_pickle *p, sc_pt_kind kind, sc_err *err)
{
    sc_pt_value *v;
    SC_TRY(sc_pt_new(p->arena, kind, &v, err));
    return push(p, v, err);
}

/* Puts items into the list or dict below them. */
static sc_status extend(sc_pickle *p, sc_pt_kind kind, sc_pt_value **items, size_t n, sc_err *err)
{
    if (p->n == 0 || p->stack[p->n - 1]->kind != kind || p->stack[p->n - 1] == p->mark)
        return sc_fail(err, SC_EFORMAT, "pickle adds to something that is no %s",
                       kind == SC_PT_LIST ? "list" : "dict");
    if (kind == SC_PT_DICT && n % 2)
        return sc_fail(err, SC_EFORMAT, "pickle has a dict key without a value");
    return sc_pt_append(p->arena, p->stack[p->n - 1], items, n, err);
}

static sc_status push_global(sc_pickle *p, cursor *c, sc_err *err)
{
    const unsigned char *module = c->at;
    const unsigned char *nl = memchr(module, '\n', (size_t)(c->end - module));
    const unsigned char *name = nl ? nl + 1 : NULL;
    const unsigned char *nl2 = nl ? memchr(name, '\n', (size_t)(c->end - name)) : NULL;
    if (!nl2)
        return early_end(err);
    sc_pt_value *v;
    SC_TRY(sc_pickle_global(p, (const char *)module, (size_t)(nl - module), (const char *)name,
                            (size_t)(nl2 - name), &v, err));
    c->at = nl2 + 1;
    return push(p, v, err);
}

static sc_status stack_global(sc_pickle *p, sc_err *err)
{
    sc_pt_value **a, *v;
    SC_TRY(pop(p, 2, &a, err));
    if (a[0]->kind != SC_PT_STRING || a[1]->kind != SC_PT_STRING)
        return sc_fail(err, SC_EFORMAT, "pickle has a global whose name is no string");
    SC_TRY(sc_pickle_global(p, (const char *)a[0]->text.s, a[0]->text.n, (const char *)a[1]->text.s,
                            a[1]->text.n, &v, err));
    return push(p, v, err);
}

static sc_status call(sc_pickle *p, sc_err *err)
{
    sc_pt_value **a, *v;
    SC_TRY(pop(p, 2, &a, err));
    SC_TRY(sc_pickle_call(p, a[0], a[1], &v, err));
    return push(p, v, err);
}

/* A persistent id is a storage: ("storage", class, key, location, count). It is kept as an opaque
 * until a tensor asks for it. */
static sc_status push_storage(sc_pickle *p, sc_err *err)
{
    sc_pt_value **a, *v;
    SC_TRY(pop(p, 1, &a, err));
    sc_pt_value *id = a[0];
    const char *tag =
        id->kind == SC_PT_TUPLE && id->seq.n >= 5 ? sc_pt_as_text(id->seq.v[0]) : NULL;
    if (!tag || strcmp(tag, "storage") != 0 || id->seq.v[1]->kind != SC_PT_GLOBAL ||
        id->seq.v[1]->role != SC_PT_ROLE_STORAGE)
        return sc_fail(err, SC_EFORMAT, "pickle has a persistent id that is no storage");
    SC_TRY(sc_pt_new(p->arena, SC_PT_OPAQUE, &v, err));
    v->obj = (sc_pt_object){.name = id->seq.v[1]->obj.name, .args = id};
    v->role = SC_PT_ROLE_STORAGE;
    v->dtype = id->seq.v[1]->dtype;
    return push(p, v, err);
}

static sc_status build(sc_pickle *p, sc_err *err)
{
    sc_pt_value **a;
    SC_TRY(pop(p, 2, &a, err));
    SC_TRY(sc_pickle_build(p, a[0], a[1], err));
    return push(p, a[0], err);
}

/* Opcodes that are a value, or a size and a value. */
static sc_status step_value(sc_pickle *p, cursor *c, int op, sc_err *err)
{
    uint64_t u = 0;
    switch (op) {
    case OP_NONE:
        return push(p, p->none, err);
    case OP_NEWTRUE:
        return push(p, p->yes, err);
    case OP_NEWFALSE:
        return push(p, p->no, err);
    case OP_EMPTY_TUPLE:
        return push(p, p->empty_tuple, err);
    case OP_EMPTY_LIST:
        return push_new(p, SC_PT_LIST, err);
    case OP_EMPTY_DICT:
        return push_new(p, SC_PT_DICT, err);
    case OP_BININT:
        SC_TRY(number(c, 4, &u, err));
        return push_int(p, (int64_t)u - (u >> 31 ? INT64_C(1) << 32 : 0), err);
    case OP_BININT1:
    case OP_BININT2:
        SC_TRY(number(c, op == OP_BININT1 ? 1 : 2, &u, err));
        return push_int(p, (int64_t)u, err);
    case OP_LONG1:
        return push_long(p, c, err);
    case OP_BINFLOAT:
        return push_float(p, c, err);
    case OP_BINUNICODE:
    case OP_SHORT_BINUNICODE:
        return push_text(p, c, SC_PT_STRING, op == OP_BINUNICODE ? 4 : 1, err);
    case OP_BINSTRING:
    case OP_BINBYTES:
        return push_text(p, c, SC_PT_BYTES, 4, err);
    case OP_SHORT_BINSTRING:
    case OP_SHORT_BINBYTES:
        return push_text(p, c, SC_PT_BYTES, 1, err);
    case OP_GLOBAL:
        return push_global(p, c, err);
    default:
        return sc_fail(err, SC_EFORMAT, "pickle has the opcode 0x%02x, which no saved model has",
                       (unsigned)op);
    }
}

/* Opcodes that work on the stack or the memo. */
static sc_status step(sc_pickle *p, cursor *c, int op, sc_err *err)
{
    sc_pt_value **items = NULL;
    size_t n = 0;
    uint64_t u = 0;
    switch (op) {
    case OP_MARK:
        return push(p, p->mark, err);
    case OP_POP:
        return pop(p, 1, &items, err);
    case OP_TUPLE:
        SC_TRY(pop_to_mark(p, &items, &n, err));
        return push_tuple(p, items, n, err);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return small_tuple(p, (size_t)(op - OP_TUPLE1 + 1), err);
    case OP_APPEND:
        SC_TRY(pop(p, 1, &items, err));
        return extend(p, SC_PT_LIST, items, 1, err);
    case OP_SETITEM:
        SC_TRY(pop(p, 2, &items, err));
        return extend(p, SC_PT_DICT, items, 2, err);
    case OP_APPENDS:
    case OP_SETITEMS:
        SC_TRY(pop_to_mark(p, &items, &n, err));
        return extend(p, op == OP_APPENDS ? SC_PT_LIST : SC_PT_DICT, items, n, err);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        SC_TRY(number(c, op == OP_BINPUT ? 1 : 4, &u, err));
        return memo_put(p, c, u, err);
    case OP_MEMOIZE:
        return memo_put(p, c, p->n_memo, err);
    case OP_BINGET:
    case OP_LONG_BINGET:
        SC_TRY(number(c, op == OP_BINGET ? 1 : 4, &u, err));
        return memo_get(p, u, err);
    case OP_PROTO:
        SC_TRY(number(c, 1, &u, err));
        return u <= 5 ? SC_OK : sc_fail(err, SC_EFORMAT, "pickle has protocol %" PRIu64, u);
    case OP_FRAME: /* a hint about buffering; the opcodes in the frame are read as they come */
        return number(c, 8, &u, err);
    case OP_STACK_GLOBAL:
        return stack_global(p, err);
    case OP_REDUCE:
    case OP_NEWOBJ:
        return call(p, err);
    case OP_BUILD:
        return build(p, err);
    case OP_BINPERSID:
        return push_storage(p, err);
    default:
        return step_value(p, c, op, err);
    }
}

static sc_status prepare(sc_pickle *p, sc_err *err)
{
    SC_TRY(sc_pt_new(p->arena, SC_PT_NONE, &p->mark, err));
    SC_TRY(sc_pt_new(p->arena, SC_PT_NONE, &p->none, err));
    SC_TRY(sc_pt_new(p->arena, SC_PT_BOOL, &p->yes, err));
    SC_TRY(sc_pt_new(p->arena, SC_PT_BOOL, &p->no, err));
    SC_TRY(sc_pt_new(p->arena, SC_PT_TUPLE, &p->empty_tuple, err));
    p->yes->b = true;
    return SC_OK;
}

sc_status sc_pickle_load(sc_pickle *p, const unsigned char *bytes, size_t n, sc_pt_value **out,
                         sc_err *err)
{
    cursor c = {.at = bytes, .end = bytes + n, .start = bytes};
    sc_pt_value **top;
    sc_status st;
    *out = NULL;
    SC_GOTO(st, prepare(p, err), out);
    do {
        if (c.at == c.end) {
            st = early_end(err);
        } else if (*c.at == OP_STOP) {
            st = pop(p, 1, &top, err);
            if (st == SC_OK)
                *out = top[0];
            break;
        } else {
            const unsigned char *op = c.at++;
            st = step(p, &c, *op, err);
            if (st != SC_OK)
                st = sc_err_prefix(err, st, "byte %td", op - c.start);
        }
    } while (st == SC_OK);
out:
    free(p->stack);
    free(p->memo);
    p->stack = p->memo = NULL;
    return st;
}
