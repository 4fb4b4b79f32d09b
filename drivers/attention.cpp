#include "driver.hpp"
#include "registry.hpp"

/// mpiexec -n P attention --help
int main(int argc, char** argv) {
  return breakeven::drive(argc, argv, "attention", breakeven::registry());
}
