/*
 * How training goes, on stderr: a bar on a terminal, otherwise a line now and then; and a JSON line
 * an epoch for whoever asks.
 */
#ifndef SC_PROGRESS_H
#define SC_PROGRESS_H

#include "sc_cli.h"
#include "sc_train.h"

#include <stdio.h>

typedef struct sc_progress {
    const sc_tool *tool;
    const sc_common *common;
    FILE *log;
    const char *log_name;
    bool is_terminal;
    double last;
} sc_progress;

/* log: path of the JSON lines, or NULL. */
sc_status sc_progress_open(sc_progress *p, const sc_tool *tool, const sc_common *common,
                           const char *log, sc_err *err) SC_MUST_CHECK;
void sc_progress_epoch(void *progress, const sc_epoch_report *r); /* an sc_epoch_fn */
/* Closes the log; st is what has happened so far, and is returned unless the log can't be written.
 */
sc_status sc_progress_close(sc_progress *p, sc_status st, sc_err *err);

#endif
