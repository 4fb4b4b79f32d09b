#include "driver.hpp"
#include "registry.hpp"

/// mpiexec -n P inner_product --help
int main(int argc, char** argv) {
  return breakeven::drive(argc, argv, "inner_product", breakeven::registry());
}
