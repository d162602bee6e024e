/* What a page costs, stage by stage, in instructions; and the hashes of what its stages make. */
#ifndef OCRM55_PAGE_COST_H
#define OCRM55_PAGE_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "ocrm55_page.h"

/* `load` is the check of the file of frames. `other` is what belongs to no page: hashes, files. */
enum page_stage {
    STAGE_LOAD,
    STAGE_RESIZE,
    STAGE_DETECT,
    STAGE_BOXES,
    STAGE_CROP,
    STAGE_PREPARE,
    STAGE_RECOGNISE,
    STAGE_DECODE,
    STAGE_SAY,
    STAGE_OTHER,
    STAGES
};

/* What runs from now on; what ran until now gets its instructions. */
void cost_stage(enum page_stage stage);

/* Instructions of a stage since the last cost_forget. */
uint64_t cost_of(enum page_stage stage);
void cost_forget(void);

/* The name of a stage, such as `detect`. */
const char *cost_name(enum page_stage stage);

/* Who follows a page, to count its stages and to say hashes where `hashes` asks for that. scratch: the page's, where its
 * crops lie. */
const struct ocrm55_page_watch *page_watch_for(bool hashes, const uint8_t *scratch);

/* The box, from 1, that the next hashes are about. */
void page_watch_box(uint32_t box);

/* The most scratch that was written so far, of `bytes` that scratch_paint filled before. */
void scratch_paint(uint8_t *scratch, uint32_t bytes);
uint32_t scratch_used(const uint8_t *scratch, uint32_t bytes);

#endif
