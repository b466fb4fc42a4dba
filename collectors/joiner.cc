#include "collectors/joiner.h"
