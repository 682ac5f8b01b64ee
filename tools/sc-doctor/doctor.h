/* What the files of sc-doctor share. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "sc_cli.h"

#include <stdio.h>

typedef struct doctor {
    FILE *to;
    bool is_quiet;
    int n_notes, n_bad, n_bad_plugins;
} doctor;

typedef enum doctor_state { IS_OK, IS_NOTE, IS_BAD } doctor_state;

/* One line: how it is, what it is about, what was found and what to do. */
void doctor_say(doctor *d, doctor_state state, const char *what, const char *fmt, ...)
    SC_PRINTF(4, 5);

void look_at_cpu(doctor *d);     /* CPU, kernels, BLAS */
void look_at_limits(doctor *d);  /* threads, memory, TMPDIR */
void look_at_install(doctor *d); /* the tools and where the shell finds them */
sc_status look_at_plugins(doctor *d, sc_err *err);

#endif
