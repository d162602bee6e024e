/* QEMU TCG plugin: how often each block ran, and after which, by section of the program; and what each section read and
 * wrote, by region of memory.
 *
 *     qemu-system-arm ... -plugin ./blockcount.so,out=FILE,plan=FILE
 *
 * The plan has lines
 *   mark ADDRESS [+]NUMBER     from a block that starts there on, the section is NUMBER; with +, NUMBER more than the one
 *                              that ends, unless that is as much already; ++ for NUMBER: one more, each time
 *   region START END NAME C    accesses are counted by regions; C is 1 where a data cache lies before it, and 2 where it
 *                              lets stores through: they fetch no line and leave none to be written back
 *   gather ADDRESS             a gather or scatter: count its pairs of elements that want two words of one bank
 *   cache BYTES                of the data cache: 4 ways, lines of 32 bytes
 * and the output
 *   E section from-address from-instructions address instructions count
 *   R section region bytes-read bytes-written fills-lru fills-random following written-back
 *   G address pairs conflicts
 *
 * The declarations below are all that is used of QEMU's plugin interface, version 1 of QEMU 6.0 to 8.2 and its later
 * versions alike (8.2.2, 9.2.1 and 10.0.2 were tried), so no header is needed: Debian's QEMU comes without. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint32_t qemu_plugin_meminfo_t;
typedef void (*tb_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*exec_callback)(unsigned, void *);
typedef void (*mem_callback)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, exec_callback, int, void *);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, mem_callback, int, int, void *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
extern bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);

#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

enum { NO_FLAGS = 0, READ_AND_WRITE = 3 };
enum { MAX_REGIONS = 12, MAX_SECTIONS = 4096, BUCKETS = 1 << 14, WAYS = 4, LINE = 32, MAX_SETS = 4096, POLICIES = 2 };
enum policy { LEAST_RECENTLY_USED, AT_RANDOM };

struct edge {
    const struct block *from;
    uint32_t section;
    uint64_t count;
    struct edge *next;
};
struct block {
    uint32_t address, instructions;
    const struct mark *mark;
    struct edge *edges;
    struct block *next;
};
struct mark {
    uint32_t address, number;
    bool adds, steps;
};
struct gather {
    uint32_t address, before;
    bool in_pair;
    uint64_t pairs, conflicts;
};
struct region {
    uint32_t start, end;
    char name[32];
    bool cached, through;
};
struct way {
    uint32_t line, used;
    bool valid, dirty;
};
struct cache {
    struct way ways[MAX_SETS][WAYS];
    uint32_t clock, last_filled;
};
struct traffic {
    uint64_t bytes[2], fills[POLICIES], following, written_back;
};

static const char *out_path = "blockcount.txt";
static struct block *blocks[BUCKETS];
static const struct block *last;
static uint32_t section;
static struct mark *marks;
static struct gather *gathers;
static struct region regions[MAX_REGIONS];
static size_t mark_count, gather_count, region_count;
static uint32_t sets, seed = 1;
static struct cache caches[POLICIES];
static struct traffic traffic[MAX_SECTIONS][MAX_REGIONS];

static void *need(void *memory)
{
    if (memory == NULL) {
        fputs("blockcount: a file or memory is missing\n", stderr);
        exit(1);
    }
    return memory;
}

static struct block *find_block(uint32_t address, uint32_t instructions)
{
    struct block **const bucket = &blocks[(address >> 1) % BUCKETS];
    for (struct block *b = *bucket; b != NULL; b = b->next) {
        if (b->address == address && b->instructions == instructions) {
            return b;
        }
    }
    struct block *const made = need(calloc(1, sizeof *made));
    *made = (struct block){.address = address, .instructions = instructions, .next = *bucket};
    for (size_t i = 0; i < mark_count; i++) {
        if (marks[i].address == address) {
            made->mark = &marks[i];
        }
    }
    *bucket = made;
    return made;
}

static void begin_section(const struct mark *mark)
{
    if (mark->steps) {
        section++;
    } else if (!mark->adds) {
        section = mark->number;
    } else if (section < mark->number) {
        section += mark->number;
    }
}

static void executed(unsigned cpu, void *data)
{
    struct block *const block = data;
    struct edge *e;
    (void)cpu;
    if (block->mark != NULL) {
        begin_section(block->mark);
    }
    for (struct edge **place = &block->edges; (e = *place) != NULL; place = &e->next) {
        if (e->from == last && e->section == section) {
            *place = e->next; /* to the front, where it is found soonest */
            break;
        }
    }
    if (e == NULL) {
        e = need(calloc(1, sizeof *e));
        e->from = last;
        e->section = section;
    }
    e->count++;
    e->next = block->edges;
    block->edges = e;
    last = block;
}

/* Whether the cache fetches a line for an access; `back` counts a changed line that makes room for it. A store that goes
 * through fetches none. */
static bool fills(enum policy policy, uint32_t line, bool store, bool through, uint64_t *back)
{
    struct cache *const cache = &caches[policy];
    struct way *const ways = cache->ways[line % sets];
    struct way *victim = &ways[0];
    cache->clock++;
    for (int i = 0; i < WAYS; i++) {
        if (ways[i].valid && ways[i].line == line) {
            ways[i].used = cache->clock;
            ways[i].dirty |= store && !through;
            return false;
        }
    }
    if (store && through) {
        return false;
    }
    for (int i = 0; i < WAYS && victim->valid; i++) {
        if (!ways[i].valid || ways[i].used < victim->used) {
            victim = &ways[i];
        }
    }
    if (policy == AT_RANDOM && victim->valid) {
        seed = seed * 1664525u + 1013904223u;
        victim = &ways[(seed >> 24) % WAYS];
    }
    *back += victim->valid && victim->dirty;
    *victim = (struct way){line, cache->clock, true, store};
    return true;
}

static void through_caches(struct traffic *t, uint32_t line, bool store, bool through)
{
    uint64_t ignored = 0;
    if (fills(LEAST_RECENTLY_USED, line, store, through, &t->written_back)) {
        t->fills[LEAST_RECENTLY_USED]++;
        t->following += line == caches[LEAST_RECENTLY_USED].last_filled + 1u;
        caches[LEAST_RECENTLY_USED].last_filled = line;
    }
    t->fills[AT_RANDOM] += fills(AT_RANDOM, line, store, through, &ignored);
}

static void accessed(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t at, void *data)
{
    const bool store = qemu_plugin_mem_is_store(info);
    const uint32_t address = (uint32_t)at;
    struct gather *const gather = data;
    (void)cpu;
    if (gather != NULL) {
        if (gather->in_pair) {
            gather->pairs++;
            gather->conflicts += ((gather->before ^ address) & 12u) == 0 && ((gather->before ^ address) & ~3u) != 0;
        }
        gather->in_pair = !gather->in_pair;
        gather->before = address;
    }
    if (section >= MAX_SECTIONS) {
        return;
    }
    for (size_t r = 0; r < region_count; r++) {
        if (address - regions[r].start < regions[r].end - regions[r].start) {
            traffic[section][r].bytes[store] += (uint64_t)1 << qemu_plugin_mem_size_shift(info);
            if (regions[r].cached && sets > 0) {
                through_caches(&traffic[section][r], address / LINE, store, regions[r].through);
            }
            return;
        }
    }
}

static struct gather *gather_at(uint32_t address)
{
    for (size_t i = 0; i < gather_count; i++) {
        if (gathers[i].address == address) {
            return &gathers[i];
        }
    }
    return NULL;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t count = qemu_plugin_tb_n_insns(tb);
    struct block *const block = find_block((uint32_t)qemu_plugin_tb_vaddr(tb), (uint32_t)count);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_FLAGS, block);
    for (size_t n = 0; n < count; n++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, n);
        qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_FLAGS, READ_AND_WRITE,
                                         gather_at((uint32_t)qemu_plugin_insn_vaddr(insn)));
    }
}

static void write_edges(FILE *f, const struct block *b)
{
    for (const struct edge *e = b->edges; e != NULL; e = e->next) {
        fprintf(f, "E %" PRIu32 " %" PRIx32 " %" PRIu32 " %" PRIx32 " %" PRIu32 " %" PRIu64 "\n", e->section,
                e->from ? e->from->address : 0, e->from ? e->from->instructions : 0, b->address, b->instructions, e->count);
    }
}

static void finished(qemu_plugin_id_t id, void *data)
{
    FILE *const f = need(fopen(out_path, "w"));
    (void)id;
    (void)data;
    for (int n = 0; n < BUCKETS; n++) {
        for (const struct block *b = blocks[n]; b != NULL; b = b->next) {
            write_edges(f, b);
        }
    }
    for (int s = 0; s < MAX_SECTIONS; s++) {
        for (size_t r = 0; r < region_count; r++) {
            const struct traffic *const t = &traffic[s][r];
            if (t->bytes[0] + t->bytes[1] > 0) {
                fprintf(f, "R %d %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s,
                        regions[r].name, t->bytes[0], t->bytes[1], t->fills[LEAST_RECENTLY_USED], t->fills[AT_RANDOM],
                        t->following, t->written_back);
            }
        }
    }
    for (size_t i = 0; i < gather_count; i++) {
        if (gathers[i].pairs > 0) {
            fprintf(f, "G %" PRIx32 " %" PRIu64 " %" PRIu64 "\n", gathers[i].address, gathers[i].pairs,
                    gathers[i].conflicts);
        }
    }
    fclose(f);
}

static bool take(const char *line)
{
    struct region region = {0};
    struct mark mark = {0};
    struct gather gather = {0};
    uint32_t bytes;
    int cached;
    char number[16];
    if (sscanf(line, "mark %" SCNx32 " %15s", &mark.address, number) == 2) {
        mark.adds = number[0] == '+';
        mark.steps = strcmp(number, "++") == 0;
        mark.number = (uint32_t)strtoul(number + mark.adds, NULL, 10);
        marks = need(realloc(marks, (mark_count + 1) * sizeof *marks));
        marks[mark_count++] = mark;
    } else if (sscanf(line, "gather %" SCNx32, &gather.address) == 1) {
        gathers = need(realloc(gathers, (gather_count + 1) * sizeof *gathers));
        gathers[gather_count++] = gather;
    } else if (sscanf(line, "region %" SCNx32 " %" SCNx32 " %31s %d", &region.start, &region.end, region.name, &cached) == 4 &&
               region_count < MAX_REGIONS) {
        region.cached = cached != 0;
        region.through = cached == 2;
        regions[region_count++] = region;
    } else if (sscanf(line, "cache %" SCNu32, &bytes) == 1) {
        sets = bytes / (WAYS * LINE);
        sets = sets > MAX_SETS ? MAX_SETS : sets;
    } else {
        return false;
    }
    return true;
}

static bool read_plan(const char *path)
{
    char line[128];
    bool understood = true;
    FILE *const f = need(fopen(path, "r"));
    while (understood && fgets(line, sizeof line, f) != NULL) {
        understood = take(line);
    }
    fclose(f);
    return understood;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const char *plan = NULL;
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = need(strdup(argv[i] + 4));
        } else if (strncmp(argv[i], "plan=", 5) == 0) {
            plan = argv[i] + 5;
        }
    }
    if (plan == NULL || !read_plan(plan)) {
        fputs("blockcount: the plan is not understood\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
