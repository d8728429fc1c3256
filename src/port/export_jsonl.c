/* export_jsonl.c -- keys as JSON lines, the ones that import_jsonl.c reads back to the same bytes. */
#include "port/port_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int write_lines(struct source *source, FILE *out, struct port_error *error)
{
    struct source_item item;
    int rc;

    while ((rc = aer__port_source_next(source, &item, error)) == AER_OK) {
        if (item.name.size == 0) {
            aer__port_skip(&source->job->events, source->counts, item.key, "nothing is left of its name");
            continue;
        }
        rc = aer__port_row_write(out, source->db, source->txn,
                                 &(struct port_row){item.key, item.name, item.value, &item.entry}, error);
        if (rc != AER_OK) return rc;
        source->counts->exported++;
        source->counts->bytes += item.value.size;
    }
    return rc == AER_DONE ? AER_OK : rc;
}

int aer__port_export_jsonl(struct source *source, struct port_error *error)
{
    bool to_stdout = strcmp(source->job->dest, "-") == 0;
    struct port_file file = {.fd = -1};
    FILE *out = NULL;
    int rc = to_stdout ? AER_OK : aer__port_file_open(&file, source->job->dest, error);

    if (rc == AER_OK) out = fdopen(dup(to_stdout ? STDOUT_FILENO : file.fd), "w");
    if (rc == AER_OK && !out) rc = aer__port_fail_os(error, "write", source->job->dest);
    if (rc == AER_OK) rc = write_lines(source, out, error);
    if (out && fclose(out) && rc == AER_OK) rc = aer__port_fail_os(error, "write", source->job->dest);
    if (rc == AER_OK && !to_stdout) rc = aer__port_file_commit(&file, error);
    aer__port_file_abandon(&file);
    return rc;
}
