/* Nothing is chosen on this computer. */
#define DT_HAS_CHOSEN(property) 0
