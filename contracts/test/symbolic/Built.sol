// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "../support/Vm.sol";

/// @dev Contracts as compiled for the proofs. By a contract's name halmos would take whatever lies in `out`, new or old.
abstract contract Built is TestBase {
    function createBuilt(string memory name, bytes memory arguments) internal returns (address created) {
        string memory artifact = string.concat("cache/symbolic/out/", name, ".sol/", name, ".json");
        bytes memory code = bytes.concat(vm.getCode(artifact), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
        if (created == address(0)) revert NotCreated(name);
    }
}
