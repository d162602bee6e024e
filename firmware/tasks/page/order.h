/* The order in which boxes are read. Internal. */
#ifndef OCRM55_PAGE_ORDER_H
#define OCRM55_PAGE_ORDER_H

#include <stdint.h>

#include "ocrm55_page.h"

/* Number the lines of a page and sort its boxes: from the top line down, in a line from left to right. A page that lies
 * on its side, or is tilted, is read along its text: most of its length says where that goes. */
void ocrm55_page_order(struct ocrm55_box *boxes, int32_t count);

#endif
