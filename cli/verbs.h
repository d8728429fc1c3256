/* verbs.h -- one line a verb: each is defined in its cmd_*.c, all are listed in verbs.c. */
#ifndef AER_CLI_VERBS_H
#define AER_CLI_VERBS_H

#include "cli.h"

extern const struct verb verb_init, verb_status, verb_config, verb_put, verb_get, verb_del, verb_exists, verb_incr;
extern const struct verb verb_ls, verb_scan, verb_batch, verb_import, verb_export, verb_seal, verb_compact, verb_bucket;
extern const struct verb verb_table, verb_index, verb_insert, verb_update, verb_delete;
extern const struct verb verb_locate, verb_shell, verb_completion, verb_version, verb_help;
/* words of the shell alone */
extern const struct verb verb_bset, verb_bget, verb_bkeys, verb_use, verb_clean, verb_reset, verb_exit, verb_quit;

#endif
