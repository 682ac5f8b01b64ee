/*
 * How training goes, on stderr: a bar on a terminal, otherwise a line now and then; a JSON line an
 * epoch for whoever asks; and signals that end it with a checkpoint.
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
    int signals; /* a signalfd, or -1 */
} sc_progress;

/* log: path of the JSON lines, or NULL; appends: to what is in it. watches: signals that end a
 * process are kept back, in all threads to come, for sc_progress_stop to tell. */
sc_status sc_progress_open(sc_progress *p, const sc_tool *tool, const sc_common *common,
                           const char *log, bool appends, bool watches, sc_err *err) SC_MUST_CHECK;
void sc_progress_epoch(void *progress, const sc_epoch_report *r); /* an sc_epoch_fn */
bool sc_progress_stop(void *progress);                            /* sc_train_opts.stop */
/* p.signals is -1 if it was not opened. SC_EIO: the log can't be written. */
sc_status sc_progress_close(sc_progress *p, sc_err *err) SC_MUST_CHECK;

#endif
