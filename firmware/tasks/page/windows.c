#include "windows.h"

#include "fixed.h"

/* The outermost steps of a window see only a part of their character. */
enum { MARGIN = 2 };

struct page_windows ocrm55_page_windows_of(const struct ocrm55_network *recognizer, int32_t beyond)
{
    const int32_t width = recognizer->input_width;
    const int32_t steps = (int32_t)recognizer->output_shape[recognizer->output_dimensions - 2];
    struct page_windows windows = {width, 0, 0, beyond};
    if (steps >= 4 * (2 * MARGIN + 1) && width % steps == 0) {
        windows.column_step = width / steps;
        windows.overlap = most(steps / 5, 2 * MARGIN + 2) * windows.column_step;
    }
    return windows;
}

int32_t ocrm55_page_window_count(const struct page_windows *windows, int32_t whole)
{
    const int32_t hop = windows->width - windows->overlap;
    return whole <= windows->width ? 1 : 1 + (whole - windows->width + hop - 1) / hop;
}

/* The columns that the narrowest width holds which holds so many. */
static int32_t held(const struct page_windows *windows, const struct ocrm55_network *recognizer, int32_t columns)
{
    int32_t found = windows->width;
    for (uint32_t i = recognizer->width_count; i-- > 0;) {
        const int32_t narrow = recognizer->widths[i] - windows->beyond;
        found = recognizer->widths[i] < windows->width && narrow >= columns ? narrow : found;
    }
    return found;
}

int32_t ocrm55_page_fitted(const struct page_windows *windows, const struct ocrm55_network *recognizer, int32_t whole,
                           int32_t squeeze)
{
    const int32_t squeezed = (int32_t)(((int64_t)whole * squeeze + 255) / 256);
    if (squeeze == 0 || (squeezed > windows->width && windows->column_step == 0)) {
        return whole;
    }
    const int32_t first = (ocrm55_page_window_count(windows, squeezed) - 1) * (windows->width - windows->overlap);
    return least(whole, first + held(windows, recognizer, squeezed - first));
}

int32_t ocrm55_page_window_first(const struct page_windows *windows, const struct ocrm55_network *recognizer,
                                 int32_t whole, int32_t window)
{
    int32_t first = window * (windows->width - windows->overlap);
    if (window > 0 && whole - first < windows->width) {
        const int32_t columns = held(windows, recognizer, whole - first);
        const int32_t behind = whole - columns + windows->column_step - 1; /* whole > width >= columns */
        first = least(first, behind / windows->column_step * windows->column_step);
    }
    return first;
}

int32_t ocrm55_page_join(const struct page_reading *before, const struct page_reading *after, int32_t classes,
                         int32_t behind)
{
    const int32_t low = most(after->first + MARGIN, behind + 1);
    const int32_t high = least(before->first + before->steps - MARGIN, after->first + after->steps - MARGIN);
    int32_t best = low;
    float surest = -1.0f;
    for (int32_t step = low; step < high; step++) {
        const float a = before->probabilities[(step - before->first) * classes];
        const float b = after->probabilities[(step - after->first) * classes];
        const float both = a < b ? a : b;
        if (both > surest) {
            surest = both;
            best = step;
        }
    }
    return least(best, before->first + before->steps);
}
