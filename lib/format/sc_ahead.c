#include "sc_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { N_PARTS = 4, PART = 1 << 18 };

struct sc_ahead {
    sc_ahead_make make;
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n_made, n_taken; /* parts; what lies between is full */
    bool is_closing;
    size_t len[N_PARTS], pos; /* pos: what is taken of the first full part */
    sc_status st;             /* once not SC_OK, of the part at n_made; SC_END after the last */
    sc_err err;
    char bytes[N_PARTS][PART];
};

static void *work(void *arg)
{
    sc_ahead *a = arg;
    sc_status st = SC_OK;
    while (st == SC_OK) {
        (void)pthread_mutex_lock(&a->lock);
        while (a->n_made - a->n_taken == N_PARTS && !a->is_closing)
            (void)pthread_cond_wait(&a->changed, &a->lock);
        const unsigned part = a->n_made % N_PARTS;
        const bool is_closing = a->is_closing;
        (void)pthread_mutex_unlock(&a->lock);
        if (is_closing)
            break;
        sc_err err = {0};
        st = a->make(a->ctx, a->bytes[part], PART, &a->len[part], &err);
        if (st == SC_OK && a->len[part] == 0)
            st = SC_END;
        (void)pthread_mutex_lock(&a->lock);
        a->n_made += st == SC_OK;
        a->st = st;
        a->err = err;
        (void)pthread_cond_signal(&a->changed);
        (void)pthread_mutex_unlock(&a->lock);
    }
    return NULL;
}

sc_status sc_ahead_new(sc_ahead **out, sc_ahead_make make, void *ctx, sc_err *err)
{
    sc_ahead *a = NULL;
    sigset_t all, old;
    *out = NULL;
    SC_TRY(sc_alloc(&a, 1, sizeof *a, err));
    a->make = make;
    a->ctx = ctx;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->changed, NULL);
    (void)sigfillset(&all); /* signals are the caller's business */
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    const int rc = pthread_create(&a->thread, NULL, work, a);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        (void)pthread_mutex_destroy(&a->lock);
        (void)pthread_cond_destroy(&a->changed);
        free(a);
        errno = rc;
        return sc_fail_errno(err, "can't start a thread");
    }
    *out = a;
    return SC_OK;
}

sc_status sc_ahead_take(sc_ahead *a, char *buf, size_t cap, size_t *len, sc_err *err)
{
    *len = 0;
    (void)pthread_mutex_lock(&a->lock);
    while (a->n_made == a->n_taken && a->st == SC_OK)
        (void)pthread_cond_wait(&a->changed, &a->lock);
    const bool is_there = a->n_made != a->n_taken;
    (void)pthread_mutex_unlock(&a->lock);
    if (!is_there) { /* the thread has ended, and writes no more */
        if (a->st == SC_END)
            return SC_OK;
        if (err)
            *err = a->err;
        return a->st;
    }
    const unsigned part = a->n_taken % N_PARTS;
    const size_t left = a->len[part] - a->pos;
    *len = left < cap ? left : cap;
    memcpy(buf, a->bytes[part] + a->pos, *len);
    a->pos += *len;
    if (a->pos < a->len[part])
        return SC_OK;
    a->pos = 0;
    (void)pthread_mutex_lock(&a->lock);
    a->n_taken++;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    return SC_OK;
}

void sc_ahead_free(sc_ahead *a)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->is_closing = true;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    (void)pthread_mutex_destroy(&a->lock);
    (void)pthread_cond_destroy(&a->changed);
    free(a);
}
