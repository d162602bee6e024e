#include "ocrm55_page.h"

const struct ocrm55_page_options ocrm55_page_defaults = {
    .threshold = 76,
    .least_side = 3,
    .least_score = 39321,
    .unclip = 384,
    .padding = {104, 116, 124},
    .windows = 24,
    .sure = 52428,
    .lead = 0,
    .beyond = 8,
    .squeeze = 231,
};

const char *ocrm55_page_words(enum ocrm55_page_outcome outcome)
{
    switch (outcome) {
    case OCRM55_PAGE_OK:
        return "The page was read.";
    case OCRM55_PAGE_NO_POINTER:
        return "A pointer that is needed is NULL.";
    case OCRM55_PAGE_FRAME:
        return "The frame's size, stride or format is not one that can be read.";
    case OCRM55_PAGE_BOX:
        return "The box has a corner too far outside the frame.";
    case OCRM55_PAGE_NETWORK:
        return "The network is not one that reads pages.";
    case OCRM55_PAGE_ARENA:
        return "The arena is too short or not aligned.";
    case OCRM55_PAGE_SCRATCH:
        return "The scratch is too short or not aligned.";
    case OCRM55_PAGE_CROWDED:
        return "The map has more runs of text than the scratch holds.";
    case OCRM55_PAGE_MORE:
        return "The page has more boxes than there is room for.";
    case OCRM55_PAGE_LONG:
        return "The line is longer than there is room for.";
    case OCRM55_PAGE_NPU:
        return "The NPU failed.";
    case OCRM55_PAGE_STOPPED:
        return "The caller stopped it.";
    default:
        return "This outcome is unknown.";
    }
}

enum ocrm55_page_outcome ocrm55_page_check(const struct ocrm55_frame *frame, const struct ocrm55_box *box)
{
    switch (ocrm55_frame_check(frame, box)) {
    case OCRM55_READ:
        return OCRM55_PAGE_OK;
    case OCRM55_NO_POINTER:
        return OCRM55_PAGE_NO_POINTER;
    case OCRM55_REGION:
        return OCRM55_PAGE_BOX;
    default:
        return OCRM55_PAGE_FRAME;
    }
}
