/* by_index.c -- rows of a table between two keys of an index, in its order.
 *
 *     cc by_index.c $(pkg-config --cflags --libs aerials) -o by_index
 *     ./by_index DIR TABLE INDEX FROM TO          FROM and TO are JSON: 17 or '"a text"'; both are included
 */
#include <aerials.h>
#include <stdio.h>

static int show(aer_txn *txn, const char *table, const aer_row_range *range)
{
    aer_rows *rows;
    aer_slice json;
    const char *id;
    int rc = aer_rows_open(txn, table, range, &rows);

    if (rc) return rc;
    while ((rc = aer_rows_next(rows, &id, &json)) == AER_OK)
        printf("%s  %.*s", id, (int)json.size, (const char *)json.data);
    aer_rows_close(rows);
    return rc == AER_DONE ? AER_OK : rc;
}

int main(int argc, char **argv)
{
    const aer_options options = {.size = sizeof options, .readonly = 1};
    aer_txn *txn;
    aer_db *db;
    int rc;

    if (argc != 6) {
        fprintf(stderr, "usage: by_index DIR TABLE INDEX FROM TO\n");
        return 2;
    }
    rc = aer_open(argv[1], &options, &db);
    if (rc == AER_OK) rc = aer_begin(db, AER_READ, &txn);
    if (rc == AER_OK) {
        const aer_row_range range = {
            .size = sizeof range, .index = argv[3], .from = argv[4], .to = argv[5], .flags = AER_UPTO_TO};
        rc = show(txn, argv[2], &range);
        aer_rollback(txn);
    }
    if (rc) fprintf(stderr, "%s\n", aer_errmsg(db));
    aer_close(db);
    return rc != AER_OK;
}
