#include "numerics/blas.hpp"

#include <cblas.h>

namespace breakeven {

void pin_blas_to_one_thread() {
  openblas_set_num_threads(1);
}

std::string blas_name() {
  return openblas_get_config();
}

std::string blas_core() {
  return openblas_get_corename();
}

}  // namespace breakeven
