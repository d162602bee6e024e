/* The most stack that was ever used. Overflow itself is caught by MSPLIM (faults.c). */
#ifndef OCRM55_STACK_H
#define OCRM55_STACK_H

/* Fill the unused part of the stack with a pattern; once, at start-up. */
void stack_paint(void);

#endif
