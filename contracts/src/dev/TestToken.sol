// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title TestToken
/// @notice A currency for development chains: six decimals, permits, and anyone may mint.
contract TestToken is ERC20, ERC20Permit {
    /// @notice Create the currency with nothing in circulation.
    constructor() ERC20("clearwatt test currency", "CWT") ERC20Permit("clearwatt test currency") {}

    /// @notice Make money.
    /// @param to Who receives it.
    /// @param amount How much, in micro.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
